import { describe, expect, test } from 'vitest'
import { kyselyAdapter } from '../../../src/adapters/kysely.ts'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { toExpress } from '../../../src/express/index.ts'
import { createEndpoint, storeAdapter } from '../../../src/index.ts'
import { toNextRoute } from '../../../src/next/index.ts'
import { toNode } from '../../../src/node/index.ts'
import { createRelay, httpSink } from '../../../src/relay/index.ts'
import { natsSink } from '../../../src/relay/nats.ts'
import { fixture, testSessions } from '../../../src/testing/index.ts'
import { schema, signingKey } from '../../support/source.ts'

const adapter = memoryAdapter(schema)
const pool = { query: () => {}, connect: () => {}, totalCount: 0 } as never

describe('options that nobody would read stop the start, also from plain JavaScript', () => {
  const made = (options: object) => () => createEndpoint({ signingKey, adapter, ...options } as never)

  test.each([
    [{ authorise: () => true }, 'createEndpoint: unknown option "authorise"; did you mean "authorize"?'],
    [{ onCommits: () => {} }, 'createEndpoint: unknown option "onCommits"; did you mean "onCommit"?'],
    [{ zzz: 1 }, /unknown option "zzz"; expected one of adapter, adapters, authorize/],
    [{ toString: 1 }, /unknown option "toString"/],
    [{ schema }, 'createEndpoint: unknown option "schema": the schema is the adapter\'s'],
    [{ models: {} }, /handlersAdapter/],
    [{ signingKey: () => 'sk' }, 'option "signingKey" must be a text or an array, not a function'],
    [{ authorize: true }, 'option "authorize" must be a function, not a boolean'],
    [{ limits: { opertions: 5 } }, 'unknown limit "opertions"; did you mean "operations"?'],
    [{ adapter: pool }, 'option "adapter" must be an adapter, for example pgAdapter(pool, schema)'],
    [{ adapter: { ...adapter, commit: undefined } }, 'the adapter given as "adapter" has no method commit'],
    [{ adapter: { ...adapter, schema: {} } }, 'the schema must come from defineSchema()'],
    [{ adapters: { sandbox: {} } }, 'option "adapters.sandbox" must be an adapter'],
    [{ adapter: undefined }, 'give `adapter`'],
    [{ logger: { info: () => {} } }, 'the logger has no method warn'],
  ])('%o', (options, message) => {
    expect(made(options)).toThrow(TypeError)
    expect(made(options)).toThrow(message)
  })

  test('no options at all', () => {
    expect(() => createEndpoint(undefined as never)).toThrow('the options must be an object, not undefined')
  })

  test('what is undefined counts as left out, and a secret is never quoted', () => {
    expect(made({ authorize: undefined, limits: undefined })).not.toThrow()
    expect(() => createEndpoint({ adapter, signingKey: { secret: 'sk_canary' } } as never)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('canary') }),
    )
  })
})

describe('adapters', () => {
  test.each([
    [
      () => pgAdapter(pool, schema, { namspace: 'x' } as never),
      'pgAdapter: unknown option "namspace"; did you mean "namespace"?',
    ],
    [
      () => pgAdapter(pool, schema, { hooks: { beforeComit() {} } } as never),
      /hooks: unknown option "beforeComit"/,
    ],
    [() => pgAdapter(pool, {} as never), 'pgAdapter: the schema must come from defineSchema()'],
    [() => pgAdapter({} as never, schema), 'the first argument must be a node-postgres Pool or Client'],
    [() => kyselyAdapter(pool, schema), 'the first argument must be a Kysely instance'],
    [
      () => memoryAdapter(schema, { row: {} } as never),
      'memoryAdapter: unknown option "row"; did you mean "rows"?',
    ],
    [() => memoryAdapter(undefined as never), 'the schema must come from defineSchema(), not undefined'],
    [() => storeAdapter(schema, {} as never, { clock: 1 } as never), 'storeAdapter: unknown option "clock"'],
  ])('%s', (make, message) => {
    expect(make).toThrow(message)
  })
})

describe('mounts, sinks, relays and test fixtures too', () => {
  test.each([
    ['toNextRoute', () => toNextRoute({} as never)],
    ['toNode', () => toNode(undefined as never)],
    ['toExpress', () => toExpress(adapter as never)],
  ])('%s', (name, mount) => {
    expect(mount).toThrow(TypeError)
    expect(mount).toThrow(`${name}: the argument must be what createEndpoint() returned`)
  })

  test.each([
    [
      'createRelay: unknown option "batchsize"; did you mean "batchSize"?',
      () => createRelay({ batchsize: 5 } as never),
    ],
    [
      'httpSink: unknown option "timeout"; did you mean "timeoutMs"?',
      () => httpSink({ timeout: 5 } as never),
    ],
    [
      'natsSink: unknown option "subjects"; did you mean "subject"?',
      () => natsSink({ subjects: '' } as never),
    ],
    [
      'fixture shop: unknown option "input"; did you mean "inputs"?',
      () => fixture('shop', { input: {} } as never),
    ],
    [
      'testSessions: unknown option "enable"; did you mean "enabled"?',
      () => testSessions({ enable: true } as never),
    ],
  ])('%s', (message, make) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })
})
