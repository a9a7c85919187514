// A Next.js server of its own, in development, with one route.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { exercised, signingKey } from '../serve.ts'

mkdirSync('app/source', { recursive: true })
writeFileSync('app/layout.js', 'export default ({ children }) => <html><body>{children}</body></html>')
writeFileSync(
  'app/source/route.js',
  `import { createEndpoint, defineSchema, model, z } from 'postern'
import { memoryAdapter } from 'postern/memory'
import { toNextRoute } from 'postern/next'

const schema = defineSchema({
  tasks: model({
    fields: { title: z.string().min(1), status: z.enum(['todo', 'done']).default('todo') },
    mutable: true,
  }),
})
const endpoint = createEndpoint({ adapter: memoryAdapter(schema), signingKey: '${signingKey}' })
export const { POST } = toNextRoute(endpoint)
`,
)
const url = `http://127.0.0.1:${process.env.PORT}/source`
const args = ['node_modules/next/dist/bin/next', 'dev', '--port', String(process.env.PORT)]
const next = spawn(process.execPath, args, {
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
  stdio: 'pipe',
})
try {
  await answered(next)
  await exercised(url)
} finally {
  next.kill('SIGTERM')
}

async function answered(server: ChildProcess): Promise<void> {
  let said = ''
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (said += chunk))
  for (;;) {
    const answer = await fetch(url, { method: 'POST', body: '{}' }).catch(() => undefined)
    if (answer?.status === 401) return
    if (server.exitCode !== null || (answer !== undefined && answer.status >= 500)) throw new Error(said)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
