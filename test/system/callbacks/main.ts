// npm run test:callbacks -- [--quick] [part of a callback's name]; --quick only makes them fail, and does not look in the types for more
import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { caller } from '../../support/caller.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { notes, noteTables } from '../relay/schema.ts'
import { failures, misdeeds } from './misdeeds.ts'
import { excused, tries } from './tries.ts'

/** Longest time for one try; what takes longer hangs. */
const PATIENCE_MS = 20_000

let escaped = 0
let tried = 0
let current = ''
const fault = (what: string): void => {
  escaped += 1
  console.log(`  ${current}: ${what}`)
}
// said once an endpoint, and there are thousands
console.warn = () => {}
process.on('unhandledRejection', () => fault('a rejection that nobody handles'))
process.on('uncaughtException', (error) => fault(`an error that nobody catches: ${text(error)}`))

function text(error: unknown): string {
  try {
    return String((error as Error)?.stack ?? error)
      .split('\n')
      .slice(0, 3)
      .join(' | ')
  } catch {
    return 'no text'
  }
}

const server = await startPostgres()
await using cleanup = new AsyncDisposableStack()
cleanup.defer(() => server.stop())
const pool = new pg.Pool({ connectionString: server.url, max: 8 })
pool.on('error', () => {})
cleanup.defer(() => pool.end())
await pool.query(noteTables)
const adapter = pgAdapter(pool, notes)
await adapter.migrate()
await caller(adapter, notes).commit([{ type: 'CREATE', model: 'notes', id: 'first', input: { text: 'x' } }], {
  key: 'first',
})
const { createRelay } = await import('../../../src/relay/index.ts')
await createRelay({ adapter, name: 'callbacks', sink: () => {} }).run({ once: true })

const all = tries(pool)
const only = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
const quick = process.argv.includes('--quick')
if (!quick) {
  const { publicCallbacks } = await import('./public.ts')
  const found = publicCallbacks()
  const known = (name: string): boolean =>
    Object.hasOwn(all, name) || Object.values(excused).some((pattern) => pattern.test(name))
  for (const name of found.filter((one) => !known(one))) {
    current = name
    fault('a function that the types take and nobody tries')
  }
  for (const name of Object.keys(all).filter((one) => !found.includes(one))) {
    current = name
    fault('tried, and not found in the types')
  }
}

for (const [name, attempt] of Object.entries(all)) {
  if (only !== undefined && !name.includes(only)) continue
  for (const misdeed of quick ? failures.filter(({ hangs }) => !hangs) : misdeeds) {
    current = `${name} ${misdeed.name}`
    tried += 1
    const timer = Promise.withResolvers<'late'>()
    const patience = setTimeout(() => timer.resolve('late'), PATIENCE_MS)
    try {
      const end = await Promise.race([attempt(misdeed.does), timer.promise])
      if (end === 'late') fault(`no end within ${PATIENCE_MS} ms`)
    } catch (error) {
      fault(text(error))
    } finally {
      clearTimeout(patience)
    }
    // rejections that nobody handles are told after a turn of the loop
    await new Promise((resolve) => setImmediate(resolve))
  }
}
await new Promise((resolve) => setTimeout(resolve, 100))
console.log(`callbacks: ${tried} tried, ${escaped} escaped`)
process.exitCode = escaped === 0 ? 0 : 1
