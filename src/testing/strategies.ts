import type { PgTestClient } from './pg-client.ts'

/**
 * How `CREATE DATABASE` copies. `file_copy` copies files, between two checkpoints; `clone` has the file system do it,
 * which shares the blocks where it can (Postgres 18; XFS, Btrfs, APFS, ZFS); `wal_log` goes through the log, without a
 * checkpoint, which is good for small bases on busy servers; `plain` is all there is before Postgres 15.
 */
export type Strategy = 'clone' | 'file_copy' | 'wal_log' | 'plain'

/** Strategies that a server of this version has, most promising first. */
export function strategiesOf(version: number): readonly Strategy[] {
  if (version >= 180_000) return ['clone', 'file_copy', 'wal_log']
  return version >= 150_000 ? ['file_copy', 'wal_log'] : ['plain']
}

type Runner = Pick<PgTestClient, 'query'>

export async function versionOf(client: Runner): Promise<number> {
  const { rows } = await client.query(`select current_setting('server_version_num')::int as version`)
  return (rows[0] as { version: number }).version
}

/** @param name, template: names of databases, made by `names.ts`: lower-case letters, digits and `_` */
export async function createCopy(
  client: Runner,
  name: string,
  template: string,
  strategy: Strategy,
): Promise<void> {
  if (strategy === 'clone') await client.query(`set file_copy_method = 'clone'`)
  const clause = strategy === 'plain' ? '' : ` strategy = ${strategy === 'wal_log' ? 'wal_log' : 'file_copy'}`
  try {
    await client.query(`create database ${name} template ${template}${clause}`)
  } finally {
    if (strategy === 'clone') await client.query('reset file_copy_method')
  }
}

export const dropDatabase = async (client: Runner, name: string): Promise<void> => {
  await client.query(`drop database if exists ${name} with (force)`)
}

/** The same for a base, sealed or half made: Postgres drops no template. */
export const dropBase = async (client: Runner, name: string): Promise<void> => {
  const { rows } = await client.query({
    text: 'select from pg_database where datname = $1 and datistemplate',
    values: [name],
  })
  if (rows.length > 0) await client.query(`alter database ${name} with is_template false`)
  await dropDatabase(client, name)
}

/**
 * The fastest way to copy this base here and now, found by trying: which one wins depends on the file system under
 * the server, its size of buffers and the size of the base, and none of them can be asked for.
 */
export async function fastestStrategy(
  client: Runner,
  template: string,
  probe: string,
  candidates: readonly Strategy[],
): Promise<Strategy> {
  const [first = 'plain', ...others] = candidates
  if (others.length === 0) return first
  await dropDatabase(client, probe)
  // Whoever copies first after the base was filled also pays for its dirty buffers.
  await createCopy(client, probe, template, 'file_copy')
  let best: { strategy: Strategy; ms: number } | undefined
  for (const strategy of candidates) {
    await dropDatabase(client, probe)
    const started = performance.now()
    try {
      await createCopy(client, probe, template, strategy)
    } catch (error) {
      // a server or a file system that cannot clone
      if (strategy === 'clone') continue
      throw error
    }
    const ms = performance.now() - started
    if (best === undefined || ms < best.ms) best = { strategy, ms }
  }
  await dropDatabase(client, probe)
  return best?.strategy ?? 'file_copy'
}
