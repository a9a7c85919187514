import { databases, expiry, type Runner } from './databases.ts'
import { BASE_LOCK, readName } from './names.ts'
import { dropBase, dropDatabase } from './strategies.ts'

/**
 * Drops copies that nobody vouches for any more: their slot's lock is free, or their time is over; and what was left
 * half made. The databases are read before the locks, because a lock is taken before its database is made.
 *
 * @param client one connection, in the database of the locks: it takes some itself
 */
export async function sweepServer(client: Runner): Promise<string[]> {
  const found = await databases(client, 'postern_fx_')
  const { rows } = await client.query(
    `select classid::text || ' ' || objid::text as lock from pg_locks where locktype = 'advisory' and objsubid = 2`,
  )
  const locks = new Set((rows as { lock: string }[]).map(({ lock }) => lock))
  const now = await expiry(client, 0)
  const removed: string[] = []
  // Another sweep may have been quicker.
  const drop = (work: Promise<void>, name: string): Promise<unknown> =>
    work.then(
      () => removed.push(name),
      () => {},
    )
  for (const { name, note } of found) {
    const read = readName(name)
    if (read === null) continue
    if (!read.copy) {
      // The next draft has the same name: whoever fills it must not come in between the look and the drop.
      await withLock(client, read.key, () => drop(dropBase(client, name), name))
      continue
    }
    const expires = (note as { expires?: number } | null)?.expires ?? Number.POSITIVE_INFINITY
    const vouched = locks.has(`${read.key >>> 0} ${read.slot >>> 0}`)
    if (!vouched || expires <= now) await drop(dropDatabase(client, name), name)
  }
  return removed
}

/** Does nothing while a base is made or copied. */
async function withLock(client: Runner, key: number, work: () => Promise<unknown>): Promise<void> {
  const values = [key, BASE_LOCK]
  const { rows } = await client.query({
    text: 'select pg_try_advisory_lock($1::int, $2::int) as ours',
    values,
  })
  if (!(rows[0] as { ours: boolean }).ours) return
  try {
    await work()
  } finally {
    await client.query({ text: 'select pg_advisory_unlock($1::int, $2::int)', values })
  }
}
