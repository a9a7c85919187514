import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errors } from '../../../src/core/errors.ts'
import { type Opened, usualServerAdapters } from '../../support/adapters.ts'
import { type OpenSource, openSource } from '../../support/postgres-source.ts'
import { commit, key, type OpenEndpoint, openEndpoint } from './endpoint.ts'
import { answers, CANARY, provoked, provokedTables, provokedWithin, raised } from './provoked.ts'

describe('every SQLSTATE that Postgres may answer with', () => {
  let open: OpenSource
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({ schema: provoked, tables: provokedTables })
    await open.sql(provokedWithin)
    await open.sql(`insert into codes select unnest($1::text[]), 'org_1'`, [answers.map(([state]) => state)])
    endpoint = openEndpoint(open.source)
  })
  afterAll(() => open[Symbol.asyncDispose]())

  const create = (code?: string): object => ({
    type: 'CREATE',
    model: 'items',
    id: key(),
    input: { text: CANARY, ...(code !== undefined && { code }) },
  })

  test.each(answers)(
    '%s is answered by its code and with nothing else of it',
    async (state, writing, reading) => {
      endpoint.forget()
      const asked = [
        [await endpoint.ask(commit(create(state))), writing],
        [await endpoint.ask(commit([create(), create(state), create()])), writing],
        ...(reading.length === 0
          ? []
          : [
              [
                await endpoint.ask({ type: 'list', model: 'broken', query: { where: [['id', state]] } }),
                reading,
              ] as const,
            ]),
      ] as const
      for (const [{ status, headers, body }, expected] of asked) {
        expect(body.error).toBeOneOf([...expected])
        const { status: known, retryable } = errors[body.error as keyof typeof errors]
        expect([status, body.retryable]).toEqual([known, retryable])
        expect(headers.has('retry-after')).toBe(status === 503)
      }
      expect(endpoint.said.join('\n')).not.toContain(CANARY)
      expect(endpoint.said.join('\n')).not.toMatch(/provoke|postern\.|select |PL\/pgSQL|node_modules/)
      expect(await open.sql('select from items')).toEqual([])
    },
  )

  test.each(raised)('%s raised by a trigger of the application is %s', async (state, code) => {
    endpoint.forget()
    for (const operations of [create(`own:${state}`), [create(), create(`own:${state}`), create()]]) {
      const { status, body } = await endpoint.ask(commit(operations))
      expect(body.error).toBe(code)
      const { status: known, retryable } = errors[code as keyof typeof errors]
      expect([status, body.retryable]).toEqual([known, retryable])
    }
    expect(endpoint.said.join('\n')).not.toContain(CANARY)
    expect(endpoint.said.join('\n')).not.toMatch(/provoke|postern\.|select |PL\/pgSQL|node_modules/)
    expect(await open.sql('select from items')).toEqual([])
  })
})

// Each library wraps the errors of its driver in its own way; only the five characters are looked for in them.
describe.each(usualServerAdapters.filter(({ name }) => name !== 'pg'))('$name', (library) => {
  let open: OpenSource
  let opened: Opened
  let endpoint: OpenEndpoint
  beforeAll(async () => {
    open = await openSource({ schema: provoked, tables: provokedTables })
    await open.sql(provokedWithin)
    await open.sql(`insert into codes select unnest($1::text[]), 'org_1'`, [answers.map(([state]) => state)])
    opened = await library.open(open.url, { schema: provoked })
    endpoint = openEndpoint(opened.adapter)
  })
  afterAll(async () => {
    await opened.close()
    await open[Symbol.asyncDispose]()
  })

  // one of each way to be answered: the first group has seen the rest
  const some = ['23505', '22P02', 'P0001', '42501', '53300', '57014', '57P01', '26000']
  test('what the database says is found in whatever the library makes of it, and none of its words', async () => {
    for (const [state, writing, reading] of answers.filter(([state]) => some.includes(state))) {
      const create = { type: 'CREATE', model: 'items', id: key(), input: { code: state, text: CANARY } }
      expect((await endpoint.ask(commit(create))).body.error, state).toBeOneOf([...writing])
      if (reading.length === 0) continue
      const { body } = await endpoint.ask({
        type: 'list',
        model: 'broken',
        query: { where: [['id', state]] },
      })
      expect(body.error, state).toBeOneOf([...reading])
    }
    expect(endpoint.said.join('\n')).not.toMatch(
      /CANARY|provoke|postern\.|select |node_modules|prisma|Kysely|Drizzle/,
    )
  })
})
