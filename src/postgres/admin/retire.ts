import { PosternError } from '../../core/errors.ts'
import type { PostgresConnection, PostgresSession } from '../connection.ts'
import { locks } from '../signals.ts'

/** A schema digest whose functions are in the database. */
export interface InstalledDigest {
  readonly digest: string
  /** Whether it is the one of the schema at hand. */
  readonly present: boolean
  readonly models: readonly string[]
  /** How many functions were compiled for it. */
  readonly functions: number
  readonly compiledAt: string
  /** When an application with this schema was last seen, to the hour. */
  readonly usedAt: string
  /** Days since then. */
  readonly idleDays: number
}

/** Options of `retire`. */
export interface RetireOptions {
  /** Say what would go, and roll it back. Default false. */
  readonly dryRun?: boolean
  /** Retire the present digest, too, and one that was in use within `RECENT_DAYS`. Default false. */
  readonly force?: boolean
}

/** What went. */
export interface Retired extends InstalledDigest {
  /** The functions that were dropped, with their parameters. */
  readonly dropped: readonly string[]
  /** Tables that no installed digest knows any more. Their log stays, and their capture triggers go on. */
  readonly unknownTables: readonly string[]
}

/** A digest that was in use within so many days is not retired: a version may be rolled back. */
const RECENT_DAYS = 7

/** Every digest that is installed, the one used last first. @param present the digest of the schema at hand. */
export async function installedDigests(
  session: PostgresSession,
  s: string,
  present: string,
): Promise<readonly InstalledDigest[]> {
  const [row] = await session.query(
    `select coalesce(jsonb_agg(to_jsonb(d) order by d."usedAt" desc, d.digest), '[]')::text as digests from (
  select m.digest, m.digest = $1::text as present, jsonb_agg(m.name order by m.name) as models,
    (select count(*) from pg_proc p where ${compiledFor(s, 'm.digest')}) as functions,
    min(m.compiled_at) as "compiledAt", max(m.used_at) as "usedAt",
    floor(extract(epoch from now() - max(m.used_at)) / 86400) as "idleDays"
  from ${s}.model m group by m.digest) d`,
    [present],
  )
  return JSON.parse(row?.digests as string)
}

/** Condition of a row `p` of pg_proc: it was compiled for a digest. What stands before it may have any underscore. */
const compiledFor = (s: string, digest: string): string =>
  `p.pronamespace = '${s}'::regnamespace and right(p.proname, 9) = '_' || ${digest}`

/**
 * Drops what was compiled for a schema digest that no application uses any more, in one transaction, under the lock that
 * migrations take. An application that has it after all answers 500 `source_adapter_misconfigured` until it is migrated.
 *
 * @param present the digest of the schema at hand.
 * @throws PosternError `source_adapter_misconfigured` when the digest is not installed, and without `force` when it is
 *   the present one or was used within `RECENT_DAYS`; nothing is dropped then.
 */
export function retire(
  connection: PostgresConnection,
  s: string,
  digest: string,
  present: string,
  options: RetireOptions = {},
): Promise<Retired> {
  return connection.transaction(async (session) => {
    await session.query(`select pg_advisory_xact_lock(${locks.install(s)})::text`, [])
    const found = (await installedDigests(session, s, present)).find((one) => one.digest === digest)
    if (found === undefined) throw misconfigured(`Schema digest ${digest} is not installed in ${s}.`)
    if (options.force !== true) mustBeIdle(found)
    const functions = await session.query(
      `select p.oid::regprocedure::text as name from pg_proc p where ${compiledFor(s, '$1::text')} order by 1`,
      [digest],
    )
    const dropped = functions.map(({ name }) => name as string)
    const unknown = await session.query(
      `select r.name from ${s}.relation r
where exists (select from ${s}.model m where m.rel = r.rel and m.digest = $1::text)
  and not exists (select from ${s}.model m where m.rel = r.rel and m.digest <> $1::text) order by 1`,
      [digest],
    )
    if (options.dryRun !== true) {
      for (const name of dropped) await session.query(`drop function ${name}`, [])
      await session.query(`delete from ${s}.model where digest = $1::text`, [digest])
    }
    return { ...found, dropped, unknownTables: unknown.map(({ name }) => name as string) }
  })
}

function mustBeIdle({ digest, present, idleDays, usedAt }: InstalledDigest): void {
  if (present) throw misconfigured(`Schema digest ${digest} is the one of the schema at hand.`)
  if (idleDays < RECENT_DAYS) {
    throw misconfigured(
      `Schema digest ${digest} was in use at ${usedAt}, which is less than ${RECENT_DAYS} days ago.`,
    )
  }
}

const misconfigured = (why: string): PosternError => new PosternError('source_adapter_misconfigured', why)
