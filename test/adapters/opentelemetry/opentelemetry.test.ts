import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { createEndpoint, defineSchema, type Endpoint, model, Rejection, z } from '../../../src/index.ts'
import { openTelemetry } from '../../../src/opentelemetry/index.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { ask, signingKey } from '../../support/source.ts'

const schema = defineSchema({
  notes: model({ fields: { text: z.string(), slug: z.string() }, mutable: true }),
  audits: model({ fields: { note: z.string() }, mutable: true }),
})

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const scope = { organizationId: 'canary-tenant' }

let database: TestDatabase
let pool: pg.Pool
let endpoint: Endpoint

beforeAll(async () => {
  // The API's own registration, and the context manager with it: what an application does once, at its start.
  provider.register()
  database = await freshDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  await pool.query(`
    create table notes (id text primary key, organization_id text not null, text text not null, slug text not null unique);
    create table audits (id text primary key, organization_id text not null, note text not null);`)
  const adapter = pgAdapter(pool, schema, {
    hooks: {
      beforeCommit: () =>
        trace.getTracer('application').startActiveSpan('application.rule', (span) => span.end()),
    },
  })
  await adapter.migrate()
  const authorize = ({ models }: { models: readonly string[] }) => {
    if (models.includes('audits')) throw new Rejection('canary_code', 'canary message')
    return true
  }
  endpoint = createEndpoint({ adapter, signingKey, authorize, ...openTelemetry() })
})

beforeEach(() => exporter.reset())

afterAll(async () => {
  await pool.end()
  await database.drop()
  await provider.shutdown()
  trace.disable()
})

const create = (key: string, id: string, slug: string) => ({
  type: 'commit',
  correlationId: key,
  operations: [{ type: 'CREATE', model: 'notes', id, input: { text: 'canary-value', slug } }],
  scope,
})

const spans = () => exporter.getFinishedSpans().filter(({ name }) => name.startsWith('postern.'))
const attributesOf = (name: string) =>
  spans().map((span) => (span.name === name ? span.attributes : undefined))

test('each kind of request is a span with its outcome', async () => {
  await ask(endpoint, create('canary-key-1', 'canary-id-1', 'canary-slug'))
  await ask(endpoint, create('canary-key-1', 'canary-id-1', 'canary-slug'))
  await ask(endpoint, { type: 'load', model: 'notes', id: 'canary-id-1', scope })
  await ask(endpoint, { type: 'list', model: 'notes', query: { where: [['text', 'canary-value']] }, scope })
  await ask(endpoint, { type: 'events', scope })
  expect(spans().map(({ name, kind, attributes }) => [name, kind, attributes])).toEqual(
    [
      ['commit', { 'postern.models': 'notes', 'postern.operations': 1, 'postern.replayed': false }],
      ['commit', { 'postern.models': 'notes', 'postern.operations': 1, 'postern.replayed': true }],
      ['load', { 'postern.models': 'notes' }],
      ['list', { 'postern.models': 'notes' }],
      ['events', { 'postern.models': '' }],
    ].map(([type, attributes]) => [
      `postern.${type}`,
      SpanKind.SERVER,
      { 'postern.request_id': expect.any(String), 'postern.outcome': 'ok', ...(attributes as object) },
    ]),
  )
})

test('a refusal has its code and is no error of the server; a failure is one', async () => {
  const body = create('canary-key-2', 'canary-id-2', 'canary-slug')
  await ask(endpoint, body) // the slug is taken
  const [refused] = spans()
  expect(refused?.attributes).toMatchObject({
    'postern.outcome': 'refused',
    'error.type': 'unique_violation',
  })
  expect(refused?.status.code).toBe(SpanStatusCode.UNSET)

  await pool.query('alter table notes rename to canary_table')
  const { body: answer } = await ask(endpoint, { type: 'load', model: 'notes', id: 'canary-id-1', scope })
  await pool.query('alter table canary_table rename to notes')
  const failed = spans()[1]
  expect(failed?.attributes).toMatchObject({
    'postern.outcome': 'failed',
    'error.type': answer.error,
    'postern.request_id': answer.requestId,
  })
  expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR })
})

test('what is refused before an adapter is asked is a span too, once the signature holds', async () => {
  await ask(endpoint, { type: 'load', model: 'audits', id: 'canary-id', scope })
  await ask(endpoint, { type: 'load', model: 'canary-model', id: 'canary-id', scope })
  await ask(endpoint, { type: 'load', model: 'notes', id: 'canary-id', scope }, { key: 'sk_canary_wrong' })
  expect(attributesOf('postern.load')).toMatchObject([
    { 'postern.outcome': 'refused', 'postern.models': 'audits', 'error.type': 'canary_code' },
    { 'postern.outcome': 'refused' },
  ])
  expect(spans()[1]?.attributes).not.toHaveProperty('postern.models')
})

test('it is the parent of what happens inside, and the child of what goes on around', async () => {
  const tracer = trace.getTracer('http')
  await tracer.startActiveSpan('POST /source', async (span) => {
    await ask(endpoint, create('canary-key-3', 'canary-id-3', 'canary-slug-3'))
    span.end()
  })
  const byName = new Map(exporter.getFinishedSpans().map((span) => [span.name, span]))
  const [outer, ours, inner] = ['POST /source', 'postern.commit', 'application.rule'].map((name) =>
    byName.get(name),
  )
  expect(ours?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
  expect(inner?.parentSpanContext?.spanId).toBe(ours?.spanContext().spanId)
  expect(ours?.kind).toBe(SpanKind.INTERNAL)
})

test('no span ever holds a value, an id, a key, a tenant or a secret', async () => {
  await ask(endpoint, create('canary-key-4', 'canary-id-4', 'canary-slug-4'))
  await ask(endpoint, create('canary-key-5', 'canary-id-4', 'canary-slug-5'))
  await ask(endpoint, {
    type: 'list',
    model: 'notes',
    query: { where: [['canary-field', 'canary-value']] },
    scope,
  })
  await ask(endpoint, { ...create('canary-key-6', 'canary-id-6', 'x'), correlationId: undefined })
  expect(spans().length).toBe(4)
  const text = JSON.stringify(
    spans().map(({ name, attributes, events, status, links }) => [name, attributes, events, status, links]),
  )
  expect(text).not.toContain('canary')
  expect(text).not.toContain(signingKey)
})

test('a provider of its own, where the application has no global one', async () => {
  const own = new InMemorySpanExporter()
  const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(own)] })
  const traced = createEndpoint({
    adapter: pgAdapter(pool, schema),
    signingKey,
    ...openTelemetry({ tracerProvider }),
  })
  await ask(traced, { type: 'events', scope })
  expect(own.getFinishedSpans().map(({ name }) => name)).toEqual(['postern.events'])
  expect(spans()).toEqual([])
})
