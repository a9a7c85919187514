import { allOf, closedInTime } from './closing.ts'
import { close, comment, databases, expiry, type Runner, readBase } from './databases.ts'
import { TestingError } from './errors.ts'
import { keeper } from './keeper.ts'
import { BASE_LOCK, isCopyName, namesOf, newId } from './names.ts'
import {
  openDatabase,
  openLockClient,
  openLockPool,
  type PgTestClient,
  type Pool,
  urlOf,
} from './pg-client.ts'
import type { Base, BaseRecord, Copy, CopyOptions, Fill, FixtureStore, HeldBase } from './store.ts'
import {
  createCopy,
  dropBase,
  dropDatabase,
  fastestStrategy,
  type Strategy,
  strategiesOf,
  versionOf,
} from './strategies.ts'
import { sweepServer } from './sweep.ts'

export interface PostgresStoreOptions {
  /** Any database of the server; the role must be allowed to create databases. */
  readonly url: string
  readonly fixture: string
  /** Default: the fastest, found when the base is sealed. */
  readonly strategy: Strategy | 'auto'
}

/** Statements that copy databases, at once and from this process; more only wait for the same disk. */
const COPYING = 4

/**
 * Bases and copies as databases of one server. What a base is stands in its comment, which any database of the
 * server can read, and which goes with the base when it is dropped.
 */
export function postgresStore({ url, fixture, strategy }: PostgresStoreOptions): FixtureStore {
  const names = namesOf(fixture)
  const slots = keeper(() => openLockClient(url), names.key)
  const pools = new Map<string, Promise<Pool>>()
  let version: Promise<number> | undefined

  const pool = (name: string): Promise<Pool> => {
    const one = pools.get(name) ?? openLockPool(url, COPYING)
    pools.set(name, one)
    one.catch(() => pools.delete(name))
    return one
  }
  const admin = (): Promise<Pool> => pool('admin')
  /** Lent to copies that wait while the base is made; nobody who has a session may stand behind those. */
  const copying = (): Promise<Pool> => pool('copying')
  const serverVersion = (): Promise<number> => {
    version ??= admin().then(versionOf)
    version.catch(() => {
      version = undefined
    })
    return version
  }

  async function withClient<T>(from: Promise<Pool>, work: (client: PgTestClient) => Promise<T>): Promise<T> {
    const client = (await (await from).connect()) as unknown as PgTestClient & {
      release(error?: Error): void
    }
    try {
      const result = await work(client)
      client.release()
      return result
    } catch (error) {
      // Locks of the session must not go back into the pool.
      client.release(error as Error)
      throw error
    }
  }

  async function read(client: Runner, name = names.base): Promise<Base | null> {
    const found = await readBase(client, name)
    if (found === null || found.fixture === fixture) return found
    throw new TypeError(
      `The fixtures ${fixture} and ${found.fixture} share a database name: rename one of them.`,
    )
  }

  async function dropCopies(client: Runner): Promise<void> {
    const copies = await databases(client, `${names.base}_s`)
    for (const { name } of copies) if (isCopyName(name)) await dropDatabase(client, name)
  }

  async function replace(
    client: PgTestClient,
    record: Omit<BaseRecord, 'generation' | 'position' | 'strategy'>,
    fill: Fill,
  ): Promise<Base> {
    const { base, draft, probe } = names
    const [old, unfinished] = [await read(client), await read(client, draft)]
    const generation = Math.max(old?.generation ?? 0, unfinished?.generation ?? 0) + 1
    await dropBase(client, draft)
    await client.query(`create database ${draft}`)
    let position = 0
    {
      await using database = await openDatabase(urlOf(url, draft), 10)
      position = await fill(database)
    }
    const note: BaseRecord = { ...record, generation, position, strategy: 'plain' }
    if (record.sealed) {
      await close(client, draft)
      const candidates = strategiesOf(await serverVersion())
      const chosen = strategy === 'auto' ? await fastestStrategy(client, draft, probe, candidates) : strategy
      await comment(client, draft, { ...note, strategy: chosen })
    } else await comment(client, draft, note)
    await dropBase(client, base)
    await client.query(`alter database ${draft} rename to ${base}`)
    await dropCopies(client)
    return (await read(client)) as Base
  }

  async function unseal(client: PgTestClient): Promise<void> {
    const base = await read(client)
    if (base === null) return
    const { incarnation: _, ...record } = base
    await comment(client, names.base, { ...record, sealed: false, generation: base.generation + 1 })
    await client.query(`alter database ${names.base} with allow_connections true is_template false`)
    await dropCopies(client)
  }

  async function destroy(client: PgTestClient): Promise<void> {
    await dropBase(client, names.base)
    await dropCopies(client)
  }

  async function copy({ max, ttlMs, accept }: CopyOptions): Promise<Copy> {
    let place = await slots.take(max)
    if (place === null) {
      await sweep()
      place = await slots.take(max)
    }
    if (place === null) {
      throw new TestingError(
        'test_session_limit',
        `All ${max} test sessions of fixture ${fixture} are open. Dispose of them (\`await using\`), or raise \`maxSessions\`.`,
        { details: { fixture, maxSessions: max } },
      )
    }
    const mine = place
    const { slot } = mine
    const id = newId()
    const name = names.copy(slot, id)
    try {
      const made = await withClient(copying(), async (client) => {
        for (const { name: left } of await databases(client, names.slot(slot))) {
          await dropDatabase(client, left)
        }
        await client.query({
          text: 'select pg_advisory_lock_shared($1::int, $2::int)',
          values: [names.key, BASE_LOCK],
        })
        const base = await read(client)
        await accept(base)
        if (base === null) throw new TestingError('fixture_not_sealed')
        await createCopy(client, name, names.base, base.strategy as Strategy)
        const expires = await expiry(client, ttlMs)
        await comment(client, name, { fixture, id, base: base.incarnation, expires })
        await client.query({
          text: 'select pg_advisory_unlock_shared($1::int, $2::int)',
          values: [names.key, BASE_LOCK],
        })
        return { base, expiresAt: new Date(expires) }
      })
      const database = await openDatabase(urlOf(url, name), 4)
      let dropped: Promise<void> | undefined
      const drop = async (): Promise<void> => {
        await allOf([
          () => database[Symbol.asyncDispose](),
          () => withClient(admin(), (client) => dropDatabase(client, name)),
          () => slots.give(mine),
        ])
      }
      return {
        ...database,
        id,
        name,
        ...made,
        [Symbol.asyncDispose]: () => {
          dropped ??= drop()
          return dropped
        },
      }
    } catch (error) {
      await withClient(admin(), (client) => dropDatabase(client, name)).catch(() => {})
      await slots.give(mine)
      throw error
    }
  }

  const sweep = (): Promise<string[]> => withClient(admin(), sweepServer)

  return {
    major: async () => `postgres ${Math.floor((await serverVersion()) / 10_000)}`,
    read: async () => read(await admin()),
    copy,
    sweep: async () => ({ removed: await sweep() }),

    async exclusively(work) {
      const client = await openLockClient(url)
      client.on('error', () => {})
      try {
        // Ends with the connection, whatever becomes of this process.
        await client.query({
          text: 'select pg_advisory_lock($1::int, $2::int)',
          values: [names.key, BASE_LOCK],
        })
        const held: HeldBase = {
          read: () => read(client),
          replace: (record, fill) => replace(client, record, fill),
          unseal: () => unseal(client),
          destroy: () => destroy(client),
        }
        return await work(held)
      } finally {
        await client.end()
      }
    },

    async [Symbol.asyncDispose]() {
      const opened = await Promise.all(pools.values())
      pools.clear()
      await Promise.all(opened.map((one) => closedInTime('the pool of a fixture', () => one.end())))
    },
  }
}
