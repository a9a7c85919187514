// npm run test:collector: spans of the published package go out over OTLP/HTTP with the stock exporter. No collector
// comes as a package, so a server of this file takes the place of one: it decodes what arrives, and is away at first.
// It wants a registry to install from. The last line counts.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { packPackage } from '../quickstarts/pack.ts'

/** As far as it is read here: opentelemetry/proto/collector/trace/v1, in JSON. */
interface ExportRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[]
}
interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
}

const bodies: ExportRequest[] = []
let away = 1
const server = createServer(async (request, response) => {
  const body = await json(request)
  const found = request.method === 'POST' && request.url === '/v1/traces'
  if (found && away-- > 0) {
    response.writeHead(503, { 'retry-after': '1' }).end()
    return
  }
  if (found) bodies.push(body as ExportRequest)
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' }).end('{}')
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

const directory = mkdtempSync(join(tmpdir(), 'postern-collector-'))
try {
  writeFileSync(join(directory, 'package.json'), '{"type":"module","private":true}')
  // of one release: npm finds none that fit together where each is the newest
  const packages = ['api@1.9.1', 'sdk-trace-node@2.12.0', 'exporter-trace-otlp-http@0.223'].map(
    (name) => `@opentelemetry/${name}`,
  )
  const install = ['install', '--no-audit', '--no-fund', '--loglevel=error', packPackage(directory)]
  execFileSync('npm', [...install, ...packages], { cwd: directory, stdio: 'inherit' })
  copyFileSync(join(import.meta.dirname, 'application.mjs'), join(directory, 'application.mjs'))
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` }
  const application = spawn(process.execPath, ['application.mjs'], { cwd: directory, env, stdio: 'inherit' })
  assert.deepEqual(await once(application, 'exit'), [0, null])
} finally {
  server.close()
  rmSync(directory, { recursive: true, force: true })
}

const spans = bodies.flatMap(({ resourceSpans }) =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
)
const outer = spans.find(({ name }) => name === 'request')
assert.ok(outer, 'the span of the application arrived')
const ours = spans.filter(({ name }) => name.startsWith('postern.'))
const outcomeOf = ({ attributes }: Span) =>
  attributes.find(({ key }) => key === 'postern.outcome')?.value.stringValue
assert.deepEqual(ours.map((span) => [span.name, outcomeOf(span)]).sort(), [
  ['postern.commit', 'ok'],
  ['postern.commit', 'refused'],
  ['postern.events', 'ok'],
  ['postern.list', 'ok'],
  ['postern.load', 'ok'],
])
for (const { traceId, parentSpanId } of ours)
  assert.deepEqual([traceId, parentSpanId], [outer.traceId, outer.spanId])
assert.ok(!JSON.stringify(bodies).includes('canary'), 'no value, id, key or secret arrived')
console.log(`collector: ${ours.length} spans arrived over OTLP/HTTP, none lost`)
