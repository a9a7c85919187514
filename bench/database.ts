import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { pgAdapter } from 'postern/pg'
import { startPostgres } from '../test/support/pg-server.ts'
import { schema, seed, tables } from './schema.ts'

export interface BenchDatabase {
  readonly version: string
  /** The address of the server behind so many milliseconds of network, round trip. */
  url(delayMs: number): Promise<string>
  /** For what is not measured. */
  readonly admin: pg.Pool
  stop(): Promise<void>
}

/** A throw-away Postgres that keeps its promises (fsync is on), with the application's table and ours beside it. */
export async function startDatabase(settings: Record<string, string | number> = {}): Promise<BenchDatabase> {
  const server = await startPostgres({
    durable: true,
    settings: { shared_buffers: '512MB', max_wal_size: '4GB', checkpoint_timeout: '30min', ...settings },
  })
  const admin = new pg.Pool({ connectionString: server.url, max: 2 })
  await admin.query(tables)
  await admin.query(readFileSync(path.join(import.meta.dirname, 'hand.sql'), 'utf8'))
  await admin.query(seed)
  await pgAdapter(admin, schema).migrate()
  await admin.query('vacuum analyze items')
  const [row] = (await admin.query('show server_version')).rows
  const proxies = new Map<number, Promise<{ url: string; stop(): void }>>()
  return {
    version: row.server_version,
    admin,
    async url(delayMs) {
      if (delayMs === 0) return server.url
      const known = proxies.get(delayMs) ?? startProxy(server.url, delayMs)
      proxies.set(delayMs, known)
      return (await known).url
    },
    async stop() {
      await admin.end()
      for (const proxy of await Promise.all(proxies.values())) proxy.stop()
      await server.stop()
    },
  }
}

async function startProxy(to: string, delayMs: number): Promise<{ url: string; stop(): void }> {
  const url = new URL(to)
  const child = fork(path.join(import.meta.dirname, 'delay.ts'), [url.port, String(delayMs)])
  const [port] = (await once(child, 'message')) as [number]
  url.port = String(port)
  return { url: url.href, stop: () => child.disconnect() }
}
