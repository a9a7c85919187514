import type { PostgresSession } from '../connection.ts'

/** Why stubs of Postgres's functions are not enough. */
export const UNSUPPORTED_ENGINE =
  'advisory locks, snapshots or sequences do not work there as the commit and the feed need them'

/**
 * The name of a database that speaks Postgres's protocol and is none, or null. What counts is what the commit and the
 * feed are built on: an advisory lock that is seen in pg_locks, ids and snapshots of transactions, a sequence that
 * tells where it is. Engines that only stub these accept every statement, and lose updates.
 *
 * @param session in a transaction: the lock that is tried ends with it.
 */
export async function foreignEngine(session: PostgresSession): Promise<string | null> {
  const [at] = await session.query('select version() as version', [])
  const version = at?.version ?? ''
  if (!/^PostgreSQL \d/.test(version)) return version.slice(0, 60) || 'this database'
  const known =
    /\b(CockroachDB|YugabyteDB|YB-|Redshift|Greenplum|Materialize|RisingWave|CrateDB|QuestDB|DSQL)/i.exec(
      version,
    )
  if (known !== null) return known[0] as string
  try {
    // 24 bits of the name of this look: held by nobody else for longer than the look itself
    const [lock] = await session.query(
      `select (pg_try_advisory_xact_lock_shared(1347375956, pg_backend_pid())
  and exists (select from pg_locks l where l.locktype = 'advisory' and l.pid = pg_backend_pid()
    and l.classid::bigint = 1347375956 and l.objid::bigint = pg_backend_pid() and l.objsubid = 2))::text as held,
  (pg_current_snapshot() is not null and pg_snapshot_xmin(pg_current_snapshot()) is not null)::text as snapshot`,
      [],
    )
    return lock?.held === 'true' && lock.snapshot === 'true' ? null : version.slice(0, 60)
  } catch {
    return version.slice(0, 60)
  }
}
