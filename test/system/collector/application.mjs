// An application as `main.ts` runs it: the published package, the stock exporter, set up as OpenTelemetry's pages have it.
import { trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { createEndpoint, defineSchema, model, z } from 'postern'
import { createClient } from 'postern/client'
import { memoryAdapter } from 'postern/memory'
import { openTelemetry } from 'postern/opentelemetry'

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
provider.register()

const signingKey = 'sk_canary_key_of_the_application'
const schema = defineSchema({
  notes: model({ fields: { text: z.string() }, policy: { by: 'none' }, mutable: true }),
})
const endpoint = createEndpoint({ adapter: memoryAdapter(schema), signingKey, ...openTelemetry() })
const client = createClient({
  url: 'http://application.invalid/source',
  signingKey,
  fetch: (url, init) => endpoint.fetch(new Request(url, init)),
})

await trace.getTracer('application').startActiveSpan('request', async (span) => {
  const operations = [{ type: 'CREATE', model: 'notes', id: 'canary-id', input: { text: 'canary-value' } }]
  await client.commit({ idempotencyKey: 'canary-idempotency', operations })
  await client.load('notes', 'canary-id')
  await client.list('notes', { where: [['text', '=', 'canary-value']] })
  for await (const _ of client.events()) break
  const unknown = [{ type: 'UPDATE', model: 'notes', id: 'canary-absent', input: { text: 'canary-value' } }]
  await client.commit({ idempotencyKey: 'canary-refused', operations: unknown }).catch(() => {})
  span.end()
})
await provider.shutdown()
