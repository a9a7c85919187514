// Runs in Node, Bun and Deno: serves an endpoint as this runtime serves, and exercises it over HTTP; first on the store
// in memory, then on Postgres. The last line that it prints is how many promises were kept.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { type Adapter, createEndpoint } from 'postern'
import { createClient } from 'postern/client'
import { memoryAdapter } from 'postern/memory'
import { toNode } from 'postern/node'
import { pgAdapter } from 'postern/pg'
import { exercise } from './exercise.ts'
import { schema, tables } from './schema.ts'

type Fetch = (request: Request) => Promise<Response>
type Served = { url: string; close: () => unknown }
/** The parts of Bun and Deno that are called here. */
interface Globals {
  readonly Bun?: {
    serve(options: { port: number; fetch: Fetch }): { port: number; stop(now: boolean): unknown }
  }
  readonly Deno?: {
    serve(
      options: { port: number; onListen: () => void },
      fetch: Fetch,
    ): { addr: { port: number }; shutdown(): unknown }
  }
}

async function serve(endpoint: { fetch: Fetch }): Promise<Served> {
  const { Bun, Deno } = globalThis as Globals
  const at = (port: number) => `http://127.0.0.1:${port}/source`
  if (Bun) {
    const server = Bun.serve({ port: 0, fetch: endpoint.fetch })
    return { url: at(server.port), close: () => server.stop(true) }
  }
  if (Deno) {
    const server = Deno.serve({ port: 0, onListen: () => {} }, endpoint.fetch)
    return { url: at(server.addr.port), close: () => server.shutdown() }
  }
  const server = createServer(toNode(endpoint)).listen(0)
  await new Promise((resolve) => server.once('listening', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: at((server.address() as AddressInfo).port), close }
}

async function served(adapter: Adapter<typeof schema>): Promise<number> {
  const signingKey = 'sk_of_the_runtimes'
  const { url, close } = await serve(createEndpoint({ adapter, signingKey }))
  const scope = { organizationId: 'org_1' }
  try {
    return await exercise(
      createClient<typeof schema>({ url, signingKey, scope, retries: 0 }),
      createClient<typeof schema>({ url, signingKey: 'sk_of_a_stranger', scope, retries: 0 }),
    )
  } finally {
    await close()
  }
}

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL ?? '' })
await pool.query(tables)
const adapter = pgAdapter(pool, schema)
await adapter.migrate()
const kept = (await served(memoryAdapter(schema))) + (await served(adapter))
await pool.end()
console.log(kept)
process.exit(0)
