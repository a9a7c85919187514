import type { Line } from './line.ts'

/**
 * Whether a pooler stands before the database, and how it pools. A pooler makes up the process id that a client is told
 * at the start; whether a second client gets the server connection of an idle first one tells the mode.
 */
export async function lookForPooler(database: string): Promise<Line> {
  const pg = await import('pg').then(
    (module) => module.default,
    () => undefined,
  )
  if (pg === undefined) return ok('not looked for: that takes node-postgres (npm install pg)')
  const open = async () => {
    const client = new pg.Client({ connectionString: database, connectionTimeoutMillis: 10_000 })
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const first = await open()
  try {
    const told = (first as unknown as { processID: number | null }).processID
    const backend = await pidOf(first)
    if (told === null || told === backend) return ok('direct connection, no pooler between')
    const second = await open()
    try {
      await second.query('begin')
      const shared = (await pidOf(second)) === backend
      await second.query('rollback')
      return ok(
        shared
          ? 'a pooler in transaction mode: serves; give postgres.js `prepare: false`'
          : 'a pooler in session mode: serves',
      )
    } catch {
      return {
        level: 'error',
        subject: 'pooler',
        message: 'a pooler that gives no transactions (statement mode)',
        fix: 'Set pool_mode to transaction, or connect to the database directly.',
      }
    } finally {
      await second.end()
    }
  } finally {
    await first.end()
  }
}

const ok = (message: string): Line => ({ level: 'ok', subject: 'pooler', message })

async function pidOf(client: { query(text: string): Promise<{ rows: { pid: number }[] }> }): Promise<number> {
  const { rows } = await client.query('select pg_backend_pid() as pid')
  return Number(rows[0]?.pid)
}
