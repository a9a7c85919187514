import { SourceError } from '../core/errors.ts'
import { keeper } from './keeper.ts'
import { BASE_LOCK, isCopyName, namesOf, newId, readName } from './names.ts'
import { type Client, openClient, openDatabase, openPool, type Pool, urlOf } from './pg-client.ts'
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

export interface PostgresStoreOptions {
  /** A database of the server; the role must be allowed to create databases. The same in every process. */
  readonly url: string
  readonly fixture: string
  /** Default: the fastest, found when the base is sealed. */
  readonly strategy: Strategy | 'auto'
}

type Runner = Pick<Client, 'query'>

/** Statements that copy databases, at once and from this process; more only wait for the same disk. */
const COPYING = 4

/**
 * Bases and copies as databases of one server. What a base is stands in its comment, which any database of the
 * server can read, and which goes with the base when it is dropped.
 */
export function postgresStore({ url, fixture, strategy }: PostgresStoreOptions): FixtureStore {
  const names = namesOf(fixture)
  const slots = keeper(() => openClient(url), names.key)
  let opened: Promise<Pool> | undefined
  let version: Promise<number> | undefined

  const admin = (): Promise<Pool> => {
    opened ??= openPool(url, COPYING)
    return opened
  }
  const serverVersion = (): Promise<number> => {
    version ??= admin().then(versionOf)
    version.catch(() => {
      version = undefined
    })
    return version
  }

  async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = (await (await admin()).connect()) as unknown as Client & { release(error?: Error): void }
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
    client: Client,
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

  async function unseal(client: Client): Promise<void> {
    const base = await read(client)
    if (base === null) return
    const { incarnation: _, ...record } = base
    await comment(client, names.base, { ...record, sealed: false, generation: base.generation + 1 })
    await client.query(`alter database ${names.base} with allow_connections true is_template false`)
    await dropCopies(client)
  }

  async function destroy(client: Client): Promise<void> {
    await dropBase(client, names.base)
    await dropCopies(client)
  }

  async function copy({ max, ttlMs, accept }: CopyOptions): Promise<Copy> {
    let slot = await slots.take(max)
    if (slot === null) {
      await sweepServer(await admin())
      slot = await slots.take(max)
    }
    if (slot === null) {
      throw new SourceError(
        'test_session_limit',
        `All ${max} test sessions of fixture ${fixture} are open. Dispose of them (\`await using\`), or raise \`maxSessions\`.`,
        { details: { fixture, maxSessions: max } },
      )
    }
    const id = newId()
    const name = names.copy(slot, id)
    try {
      // Asked now: `accept` wants it while every connection of the pool may be lent to copies that wait for it.
      await serverVersion()
      const made = await withClient(async (client) => {
        for (const { name: left } of await databases(client, names.slot(slot))) {
          await dropDatabase(client, left)
        }
        await client.query({
          text: 'select pg_advisory_lock_shared($1::int, $2::int)',
          values: [names.key, BASE_LOCK],
        })
        const base = await read(client)
        await accept(base)
        if (base === null) throw new SourceError('fixture_not_sealed')
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
        await database[Symbol.asyncDispose]()
        try {
          await withClient((client) => dropDatabase(client, name))
        } finally {
          await slots.give(slot)
        }
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
      await withClient((client) => dropDatabase(client, name)).catch(() => {})
      await slots.give(slot)
      throw error
    }
  }

  return {
    major: async () => `postgres ${Math.floor((await serverVersion()) / 10_000)}`,
    read: async () => read(await admin()),
    copy,
    sweep: async () => ({ removed: await sweepServer(await admin()) }),

    async exclusively(work) {
      const client = await openClient(url)
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
      await (await opened)?.end()
      opened = undefined
    },
  }
}

/** What a base's comment says, or null when there is no such database, or none of ours. */
export async function readBase(client: Runner, name: string): Promise<Base | null> {
  const [found] = await databases(client, name, true)
  const record = found?.note as Partial<BaseRecord> | null | undefined
  if (found === undefined || record == null || typeof record.generation !== 'number') return null
  return { ...(record as BaseRecord), incarnation: `${found.oid}.${record.generation}` }
}

export interface FoundDatabase {
  readonly name: string
  readonly oid: string
  /** Its comment, when that is JSON. */
  readonly note: unknown
}

/** Databases of this name, or whose name begins so. */
export async function databases(client: Runner, start: string, exact = false): Promise<FoundDatabase[]> {
  const { rows } = await client.query({
    text: `select d.datname::text as name, d.oid::text, shobj_description(d.oid, 'pg_database') as note
from pg_database d where ${exact ? 'd.datname = $1' : 'starts_with(d.datname::text, $1)'}`,
    values: [start],
  })
  return (rows as { name: string; oid: string; note: string | null }[]).map((row) => ({
    ...row,
    note: parsed(row.note),
  }))
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}

/** COMMENT takes no parameters. */
async function comment(client: Runner, name: string, note: object): Promise<void> {
  const literal = JSON.stringify(note).replaceAll("'", "''").replaceAll('\\', '\\\\')
  await client.query(`comment on database ${name} is E'${literal}'`)
}

/** By the server's clock, as the sweep judges it. */
async function expiry(client: Runner, ttlMs: number): Promise<number> {
  const { rows } = await client.query(`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`)
  return Math.round((rows[0] as { now: number }).now + ttlMs)
}

/** From now on nobody gets in, and who is in is put out: a template that is in use cannot be copied. */
async function close(client: Runner, name: string): Promise<void> {
  await client.query(`alter database ${name} with allow_connections false is_template true`)
  await client.query({
    text: 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
    values: [name],
  })
}

/**
 * Drops copies that nobody vouches for any more: their slot's lock is free, or their time is over. The databases are
 * read before the locks, because a lock is taken before its database is made.
 */
export async function sweepServer(client: Runner): Promise<string[]> {
  const found = await databases(client, 'postern_fx_')
  const { rows } = await client.query(
    `select classid::text || ' ' || objid::text as lock from pg_locks where locktype = 'advisory' and objsubid = 2`,
  )
  const locks = new Set((rows as { lock: string }[]).map(({ lock }) => lock))
  const now = await expiry(client, 0)
  const removed: string[] = []
  for (const { name, note } of found) {
    const read = readName(name)
    if (read === null) continue
    const expires = (note as { expires?: number } | null)?.expires ?? Number.POSITIVE_INFINITY
    const vouched = locks.has(`${read.key >>> 0} ${read.slot >>> 0}`)
    if (vouched && !(read.copy && expires <= now)) continue
    // Another sweep may have been quicker.
    await (read.copy ? dropDatabase : dropBase)(client, name).then(
      () => removed.push(name),
      () => {},
    )
  }
  return removed
}
