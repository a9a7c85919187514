import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { createEndpoint, type Logger } from '../../../src/index.ts'
import { ask, org, schema, signingKey } from '../../support/source.ts'

const commit = {
  type: 'commit',
  correlationId: 'k1',
  operations: [{ type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'canary' } }],
  scope: org,
}

async function speak(logger: Logger): Promise<void> {
  const memory = memoryAdapter(schema)
  const load = () => Promise.reject(new Error('canary of the driver'))
  const endpoint = createEndpoint({ signingKey, logger, adapter: { ...memory, load } })
  await ask(endpoint, commit)
  await ask(endpoint, commit)
  await ask(endpoint, { type: 'list', model: 'nothing' })
  await ask(endpoint, { type: 'load', model: 'projects', id: 'p1' })
}

test('pino writes one line a request, its members beside the message', async () => {
  const lines: string[] = []
  await speak(pino({ base: null }, { write: (line: string) => void lines.push(line) }))
  const written = lines.map((line) => JSON.parse(line))
  expect(written.map(({ level, msg }) => [level, msg])).toEqual([
    [30, 'postern: commit'],
    [30, 'postern: commit replayed'],
    [40, 'postern: refused, source_model_not_configured'],
    [50, 'postern: failed, internal_error'],
  ])
  expect(written[1]).toMatchObject({
    type: 'commit',
    models: ['tasks'],
    key: 'k1',
    operations: 1,
    replayed: true,
  })
  expect(written[3]).toMatchObject({
    type: 'load',
    status: 500,
    code: 'internal_error',
    requestId: expect.any(String),
  })
  expect(lines.join('')).not.toContain('canary')
})

test('so does console', async () => {
  const seen: unknown[] = []
  const spies = (['info', 'warn', 'error'] as const).map((level) =>
    vi
      .spyOn(console, level)
      .mockImplementation((fields, message) => void seen.push([level, typeof fields, message])),
  )
  await speak(console)
  for (const spy of spies) spy.mockRestore()
  expect(seen).toEqual([
    ['info', 'object', 'postern: commit'],
    ['info', 'object', 'postern: commit replayed'],
    ['warn', 'object', 'postern: refused, source_model_not_configured'],
    ['error', 'object', 'postern: failed, internal_error'],
  ])
})
