// The application that tests kill: an endpoint over HTTP, in a process of its own. Started by application.ts.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import type { Memory, Settings } from './application.ts'
import { journal } from './journal.ts'
import { type Opening, openAdapter } from './sources.ts'

const settings = JSON.parse(process.argv[2] as string) as Settings
const source = await open({ ...settings, schema: journal })

const server = createServer(
  toNode(
    createEndpoint({
      signingKey: settings.signingKey,
      adapter: source,
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

async function open(opening: Opening): Promise<PostgresAdapter> {
  if (settings.plant === undefined && !settings.hooks) {
    const { source } = await openAdapter(settings.adapter, opening)
    if (settings.migrate) await source.migrate()
    return source
  }
  const { carelessHooks, installPlanted, openPlanted, plantNamed } = await import(
    '../../mutants/soak/planted.ts'
  )
  const plant = settings.plant === undefined ? {} : plantNamed(settings.plant)
  const { source, connection } = openPlanted(plant, opening, settings.hooks ? carelessHooks : undefined)
  if (settings.migrate) await installPlanted(plant, connection, journal)
  return source
}
