import { randomBytes } from 'node:crypto'
import type { Client } from '../client/index.ts'
import { PosternError } from '../core/errors.ts'
import { checkOptions } from '../core/options.ts'
import type { Schema } from '../core/schema/define.ts'
import { schemaDigest } from '../core/schema/digest.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import { effectTables } from './effects.ts'
import { TestingError } from './errors.ts'
import { changedParts, type Fingerprint, type FixtureInputs, fingerprintOf } from './fingerprint.ts'
import { notInProduction } from './guard.ts'
import { namesOf } from './names.ts'
import { type FixtureAdapterOptions, openAdapter, openEndpoint } from './open.ts'
import { type PgliteFixtures, pgliteStore } from './pglite-store.ts'
import { postgresStore } from './postgres-store.ts'
import { type AttachOptions, checkAttach, openSession, type TestSession } from './session.ts'
import type { Base, FixtureStore, OpenDatabase, SweepReport } from './store.ts'
import type { Strategy } from './strategies.ts'
import { sessionKey } from './token.ts'

/** The empty database that `populate` fills. */
export interface BaseDatabase<S extends Schema = Schema> {
  /** Its address; null for PGlite. Close every connection that you open. */
  readonly url: string | null
  /** The instance, when it is PGlite. */
  readonly pglite: unknown
  /** Runs SQL: your migrations, your seed. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Its adapter; `await adapter.migrate()` once your tables are there. */
  readonly adapter: PostgresAdapter
  /** Commits through an endpoint on that adapter, so that rows come with stamps and events. */
  readonly client: Client<S>
}

/** Options of `fixture`. */
export interface FixtureOptions<S extends Schema = Schema> extends FixtureAdapterOptions {
  readonly schema: S
  /**
   * Postgres: the address of any database of the server, past any pooler, under a role that may create databases and
   * connect to `postgres`, where the locks are. PGlite: `{ PGlite }`.
   */
  readonly connection: string | PgliteFixtures
  /** Everything that the rows of the base depend on, beside schema and code. */
  readonly inputs?: FixtureInputs | undefined
  /** The version of the code that populates, for example the commit's hash. */
  readonly codeVersion?: string | undefined
  /** Fills an empty database: tables, `adapter.migrate()`, rows. */
  readonly populate: (base: BaseDatabase<S>) => Promise<unknown>
  /** Sessions open at once, over all processes. Default 100; on PGlite, for each process, 8. */
  readonly maxSessions?: number | undefined
  /** How Postgres copies. Default `auto`: each is tried when the base is sealed, and the fastest kept. */
  readonly strategy?: Strategy | 'auto' | undefined
  /**
   * Signs session tokens: 32 characters at least, the same in the application under test. Default: the variable
   * `POSTERN_TEST_SESSION_KEY`; without it a key that no other process knows.
   */
  readonly sessionKey?: string | undefined
  /** Runs with `NODE_ENV=production` too. */
  readonly force?: boolean | undefined
}

/** A base as it stands sealed. */
export interface SealedBase {
  readonly fixture: string
  readonly fingerprint: string
  readonly generation: number
  /** How its copies are made. */
  readonly strategy: string
  /** Whether this call filled it; false when a base of this fingerprint was there. */
  readonly populated: boolean
}

/** A base that is filled once and copied for every test. */
export interface Fixture<S extends Schema = Schema> extends AsyncDisposable {
  readonly name: string
  /** The fingerprint of the inputs as they are now. */
  fingerprint(): Promise<string>
  /** Fills and seals the base. Free when it is sealed under this fingerprint; processes that come at once wait. */
  seal(): Promise<SealedBase>
  /** The same, also when the fingerprint has not changed. */
  reseal(): Promise<SealedBase>
  /** Opens the base again. Its sessions end with `fixture_fingerprint_changed`; nobody attaches until it is sealed. */
  unseal(): Promise<void>
  /** Unseals, and leaves an empty base. */
  reset(): Promise<void>
  /** Drops the base and its sessions, for good. */
  destroy(): Promise<void>
  /** A copy of the sealed base for one test. */
  attach(options?: AttachOptions<S>): Promise<TestSession<S>>
  /** Drops sessions of this server whose process has died, or whose time is over; of every fixture. */
  sweep(): Promise<SweepReport>
}

/**
 * Declares a fixture: a database that is populated once, sealed under a fingerprint of everything it was made of, and
 * copied for each test.
 *
 * @throws TypeError for options that cannot work, and with `NODE_ENV=production` unless forced
 * @example
 * import { readFile } from 'node:fs/promises'
 *
 * export const shop = fixture('shop', {
 *   schema,
 *   connection: 'postgres://postgres@localhost/postgres',
 *   inputs: { files: ['test/seed.sql'] },
 *   populate: async ({ sql, adapter }) => {
 *     await sql(await readFile('test/seed.sql', 'utf8'))
 *     await adapter.migrate()
 *   },
 * })
 * await shop.seal() // once, in the set-up
 * await using session = await shop.attach() // in each test
 */
export function fixture<S extends Schema>(name: string, options: FixtureOptions<S>): Fixture<S> {
  checkOptions<FixtureOptions>(`fixture ${name}`, options, {
    schema: 'object',
    connection: ['text', 'object'],
    inputs: 'object',
    codeVersion: 'text',
    populate: 'function',
    maxSessions: 'number',
    strategy: 'text',
    sessionKey: 'text',
    force: 'boolean',
    adapter: 'function',
    source: 'object',
  })
  notInProduction(`Fixture ${name}`, options.force)
  namesOf(name)
  const { schema, connection, inputs = {}, codeVersion = '', populate } = options
  const key = sessionKey(options.sessionKey) ?? randomBytes(32)
  const onPostgres = typeof connection === 'string'
  const store: FixtureStore = onPostgres
    ? postgresStore({ url: connection, fixture: name, strategy: options.strategy ?? 'auto' })
    : pgliteStore(connection, name)
  const max = options.maxSessions ?? (onPostgres ? 100 : 8)

  const fingerprint = async (): Promise<Fingerprint> =>
    fingerprintOf({ inputs, schema: schemaDigest(schema), postgres: await store.major(), codeVersion })

  /** What changes while the base is filled may be in it or not: sealed, it would vouch for rows that it was not made of. */
  const filling =
    (before: Fingerprint) =>
    async (database: OpenDatabase): Promise<number> => {
      const position = await fill(database)
      const after = await fingerprint()
      if (after.value === before.value) return position
      const changed = changedParts(before.parts, after.parts)
      throw new TestingError(
        'fixture_fingerprint_changed',
        `The inputs of fixture ${name} changed while its base was filled (${changed.join(', ')}): seal it again.`,
        { details: { fixture: name, changed } },
      )
    }

  async function fill(database: OpenDatabase): Promise<number> {
    const { adapter, close } = await openAdapter(database, schema, options)
    try {
      const { url, pglite, query: sql } = database
      await populate({ url, pglite, sql, adapter, client: openEndpoint(adapter).client })
      for (const statement of effectTables) await database.query(statement)
      // Else the first reader of every copy does it again.
      if (url !== null) await database.query('vacuum (analyze)')
      return await endOfLog(adapter)
    } finally {
      await close()
    }
  }

  async function make(mayKeep: boolean): Promise<SealedBase> {
    const kept = (base: Base | null, value: string): SealedBase | undefined =>
      mayKeep && base?.sealed && base.fingerprint === value ? described(base, false) : undefined
    return (
      kept(await store.read(), (await fingerprint()).value) ??
      store.exclusively(async (held) => {
        // Again: whoever waits for the lock may find other inputs behind it.
        const before = await fingerprint()
        const { value, parts } = before
        const base = kept(await held.read(), value)
        if (base !== undefined) return base
        const sealedAt = new Date().toISOString()
        const record = { fixture: name, sealed: true, fingerprint: value, parts, sealedAt }
        return described(await held.replace(record, filling(before)), true)
      })
    )
  }

  async function accept(base: Base | null, expected: string | undefined): Promise<void> {
    if (!base?.sealed) {
      const message = `Fixture ${name} has no sealed base: run the set-up (seal) first.`
      throw new TestingError('fixture_not_sealed', message, { details: { fixture: name } })
    }
    const own = expected === undefined ? await fingerprint() : undefined
    const wanted = own?.value ?? expected
    if (base.fingerprint === wanted) return
    const changed = own === undefined ? [] : changedParts(base.parts, own.parts)
    const what = changed.length === 0 ? '' : ` (changed: ${changed.join(', ')})`
    throw new TestingError(
      'fingerprint_mismatch',
      `The sealed base of fixture ${name} was made of other inputs${what}: run the set-up again (seal). A retry finds the same old base.`,
      { details: { fixture: name, expected: wanted, found: base.fingerprint, changed } },
    )
  }

  return {
    name,
    fingerprint: async () => (await fingerprint()).value,
    seal: () => make(true),
    reseal: () => make(false),
    unseal: () => store.exclusively((held) => held.unseal()),
    reset: () =>
      store.exclusively(async (held) => {
        const empty = { fixture: name, sealed: false, fingerprint: null, parts: {}, sealedAt: null }
        if ((await held.read()) !== null) await held.replace(empty, async () => 0)
      }),
    destroy: () => store.exclusively((held) => held.destroy()),
    sweep: () => store.sweep(),
    async attach(attach = {}) {
      const ttlMs = checkAttach(attach)
      const copy = await store.copy({
        max,
        ttlMs,
        accept: (base) => accept(base, attach.expectedBaseFingerprint),
      })
      try {
        return await openSession({
          copy,
          schema,
          fixture: name,
          key,
          adapter: options,
          attach,
          readBase: () => store.read(),
        })
      } catch (error) {
        await copy[Symbol.asyncDispose]()
        throw error
      }
    },
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  }
}

/** 0 where `populate` has installed no log. */
async function endOfLog(adapter: PostgresAdapter): Promise<number> {
  try {
    return (await adapter.feedStatus()).position
  } catch (error) {
    if (error instanceof PosternError && error.code === 'source_adapter_misconfigured') return 0
    throw error
  }
}

const described = (base: Base, populated: boolean): SealedBase => ({
  fixture: base.fixture,
  fingerprint: base.fingerprint as string,
  generation: base.generation,
  strategy: base.strategy,
  populated,
})
