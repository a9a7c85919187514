// The application that tests kill: an endpoint over HTTP, in a process of its own. Started by application.ts.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { serverAdapterNamed } from '../../support/adapters.ts'
import type { Memory, Settings } from './application.ts'
import { journal } from './journal.ts'

const settings = JSON.parse(process.argv[2] as string) as Settings
const adapter = await open()

const server = createServer(
  toNode(
    createEndpoint({
      signingKey: settings.signingKey,
      adapter,
      onError: () => {}, // outages are what it is here for
    }),
  ),
)
server.listen(settings.port, '127.0.0.1')
await once(server, 'listening')
process.on('disconnect', () => process.exit()) // the test that started it is gone
process.send?.('ready')
setInterval(() => {
  globalThis.gc?.() // what is left is held by somebody
  process.send?.({ pid: process.pid, bytes: process.memoryUsage().heapUsed } satisfies Memory)
}, 1_000)

async function open(): Promise<PostgresAdapter> {
  const { databaseUrl, connections, migrate, deadlineMs } = settings
  const opening = { schema: journal, max: connections, options: { ...(deadlineMs && { deadlineMs }) } }
  if (settings.plant === undefined && !settings.hooks) {
    const { adapter } = await serverAdapterNamed(settings.adapter).open(databaseUrl, opening)
    if (migrate) await adapter.migrate()
    return adapter
  }
  const { carelessHooks, installPlanted, openPlanted, plantNamed } = await import(
    '../../mutants/soak/planted.ts'
  )
  const plant = settings.plant === undefined ? {} : plantNamed(settings.plant)
  const hooks = settings.hooks ? carelessHooks : undefined
  const { adapter, connection } = openPlanted(plant, databaseUrl, opening, hooks)
  if (migrate) await installPlanted(plant, connection, journal)
  return adapter
}
