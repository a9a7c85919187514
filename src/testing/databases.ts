import type { PgTestClient } from './pg-client.ts'
import type { Base, BaseRecord } from './store.ts'

/** Any client or pool. */
export type Runner = Pick<PgTestClient, 'query'>

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
export async function comment(client: Runner, name: string, note: object): Promise<void> {
  const literal = JSON.stringify(note).replaceAll("'", "''").replaceAll('\\', '\\\\')
  await client.query(`comment on database ${name} is E'${literal}'`)
}

/** By the server's clock, as the sweep judges it. */
export async function expiry(client: Runner, ttlMs: number): Promise<number> {
  const { rows } = await client.query(`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`)
  return Math.round((rows[0] as { now: number }).now + ttlMs)
}

/** From now on nobody gets in, and who is in is put out: a template that is in use cannot be copied. */
export async function close(client: Runner, name: string): Promise<void> {
  await client.query(`alter database ${name} with allow_connections false is_template true`)
  await client.query({
    text: 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
    values: [name],
  })
}
