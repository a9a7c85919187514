import { checks } from '../check.ts'
import { act, create, type SentOperation, update } from '../source.ts'
import { make } from './steps.ts'

/** The places of a refusal's issues. */
const pointers = (details: Readonly<Record<string, unknown>>): unknown[] =>
  ((details.issues ?? []) as { pointer: string }[]).map(({ pointer }) => pointer)

/** What input may set, and what it never can. */
export const fieldChecks = checks('fields', [
  {
    id: 'FIELD-01',
    must: 'A field that the schema does not have MUST be refused, in a create and in an update, with its place.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      // the last two are columns of the table
      for (const name of ['unknown', 'Title', 'organization_id', 'secret']) {
        for (const operation of [
          create('items', id(), { title: 'x', [name]: 'y' }),
          update('items', one.id, { [name]: 'y' }),
        ]) {
          const answer = await a.commit(operation)
          expect.error(
            answer,
            'source_commit_invalid',
            `the field ${name} must be refused in a ${operation.type}`,
          )
          expect.equal(pointers(answer.details), [`/operations/0/input/${name}`], 'and the refusal say where')
        }
      }
      expect.equal((await a.load('items', one.id)).row, one.row, 'a refused update must change nothing')
    },
  },
  {
    id: 'FIELD-02',
    must: 'Input MUST NOT move a row to another id: `input.id` may repeat the id and nothing else.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const victim = await make(context, a, 'items', { title: 'victim' })
      const renamed = await a.commit(update('items', one.id, { id: id() }))
      expect.error(renamed, 'source_commit_invalid', 'an update must not give a row another id')
      const aimed = await a.commit(update('items', one.id, { id: victim.id, title: 'overwritten' }))
      expect.error(aimed, 'source_commit_invalid', 'input.id must not win over the id of the operation')
      expect.equal(
        (await a.load('items', victim.id)).row,
        victim.row,
        'another row must not be written through input.id',
      )
      const both = await a.commit(create('items', id(), { id: id(), title: 'two' }))
      expect.error(both, 'source_commit_invalid', 'a create with two different ids must be refused')
      const repeated = await a.commit(update('items', one.id, { id: one.id, title: 'same' }))
      expect.equal(repeated.only.title, 'same', 'callers send whole rows back: the same id must be taken')
    },
  },
  {
    id: 'FIELD-03',
    must: 'A read-only field MUST be refused as input.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      for (const operation of [
        create('items', id(), { title: 'x', origin: 'me' }),
        update('items', one.id, { origin: 'me' }),
      ]) {
        const answer = await a.commit(operation)
        expect.error(answer, 'source_commit_invalid', 'a read-only field must be refused')
      }
    },
  },
  {
    id: 'FIELD-04',
    must: 'Input MUST NOT set the tenant of a row, neither in a create nor in an update.',
    models: ['values'],
    async run(context) {
      const { a, b, id, expect } = context
      const one = await make(context, a, 'values', { text: 'one' })
      const foreign = { organizationId: b.tenant }
      for (const operation of [create('values', id(), foreign), update('values', one.id, foreign)]) {
        const answer = await a.commit(operation)
        expect.error(answer, 'source_commit_invalid', "another tenant's name must be refused")
      }
      expect.equal((await b.list('values')).rows, [], 'no row may have changed hands')
      const same = await a.commit(update('values', one.id, { organizationId: a.tenant, text: 'two' }))
      expect.equal(
        [same.only.organizationId, same.only.text],
        [a.tenant, 'two'],
        'the own name must be taken: it says what is so',
      )
    },
  },
  {
    id: 'FIELD-05',
    must: 'Members named `__proto__`, `constructor` or `prototype` MUST be refused anywhere in the body.',
    async run({ a, id, expect }) {
      for (const name of ['__proto__', 'constructor', 'prototype']) {
        const scope = JSON.stringify({ organizationId: a.tenant })
        const input = `{"title":"x","${name}":{"status":"done"}}`
        const operation = `{"type":"CREATE","model":"items","id":"${id()}","input":${input}}`
        const answer = await a.post(
          `{"type":"commit","correlationId":"${id()}","scope":${scope},"operations":[${operation}]}`,
        )
        expect.error(
          answer,
          ['invalid_json', 'source_commit_invalid'],
          `a member named ${name} must be refused`,
        )
      }
    },
  },
  {
    id: 'FIELD-06',
    must: "A value that is not of its field's kind, or that the schema's own rule refuses, MUST be refused, never converted.",
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const values: readonly (readonly [string, unknown])[] = [
        ['title', ''],
        ['title', 7],
        ['title', null],
        ['status', 'later'],
        ['status', null],
        ['rank', '7'],
        ['rank', 1.5],
        ['rank', 2 ** 31],
        ['rank', true],
        ['body', { text: 'x' }],
        ['archivedAt', 'yesterday'],
      ]
      for (const [name, value] of values) {
        const shown = `${name}: ${JSON.stringify(value)}`
        const created = await a.commit(create('items', id(), { title: 'x', [name]: value }))
        expect.error(created, 'source_commit_invalid', `a create with ${shown} must be refused`)
        const updated = await a.commit(update('items', one.id, { [name]: value }))
        expect.error(updated, 'source_commit_invalid', `an update with ${shown} must be refused`)
      }
      expect.equal((await a.load('items', one.id)).row, one.row, 'a refused update must change nothing')
    },
  },
  {
    id: 'FIELD-07',
    must: 'A create without a required field MUST be refused.',
    models: ['items', 'parts'],
    async run({ a, id, expect }) {
      const answer = await a.commit([create('items', id(), {}), create('parts', id(), { name: 'no parent' })])
      expect.error(answer, 'source_commit_invalid', 'what the schema requires must be sent')
      expect.equal(
        pointers(answer.details),
        ['/operations/0/input/title', '/operations/1/input/itemId'],
        'and all of it be told at once',
      )
    },
  },
  {
    id: 'FIELD-08',
    must: 'An operation that the model does not permit MUST be refused.',
    models: ['entries'],
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'entries', { line: 'for ever' })
      for (const operation of [
        update('entries', one.id, { line: 'changed' }),
        act('DELETE', 'entries', one.id),
      ]) {
        const answer = await a.commit(operation)
        expect.error(answer, 'source_commit_invalid', `${operation.type} must be refused`)
      }
      expect.equal((await a.load('entries', one.id)).row, one.row, 'the row must stay as it is')
    },
  },
  {
    id: 'FIELD-09',
    must: 'A column that the schema does not name MUST appear in no answer.',
    models: ['items', 'shared'],
    async run(context) {
      const { a, expect } = context
      const group = await make(context, a, 'shared', { name: 'group' })
      const one = await make(context, a, 'items', { title: 'one', sharedId: group.id })
      const answers = [
        await a.commit(update('items', one.id, { title: 'two' })),
        await a.load('items', one.id),
        await a.list('items'),
        await a.list('items', { related: ['shared'] }),
        await a.events(),
        await a.commit(update('items', one.id, { title: 'three' }, { readAt: one.stamp })),
      ]
      for (const { text } of answers) {
        expect.that(!/secret|organization_id/.test(text), "the table's other columns must stay unseen", {
          received: text,
        })
      }
    },
  },
  {
    id: 'FIELD-10',
    must: 'A malformed operation MUST be refused with its place, and the rest of the commit with it.',
    async run({ a, id, expect }) {
      const one = id()
      const broken: readonly Record<string, unknown>[] = [
        { type: 'UPSERT', model: 'items', id: id(), input: {} },
        { type: 'UPDATE', model: 'items', id: id(), input: [] },
        { type: 'UPDATE', model: 'items', id: id(), input: {}, readAt: -1 },
        { type: 'UPDATE', model: 'items', id: id(), input: {}, readAt: 1.5 },
        { type: 'UPDATE', model: 'items', id: id(), input: {}, readAt: 2 ** 48 },
        { type: 'UPDATE', model: 'items', id: id(), input: {}, readAt: 1, onStale: 'ignore' },
        { type: 'DELETE', model: 'items', id: id(), input: { title: 'x' } },
      ]
      for (const operation of broken) {
        const operations = [create('items', one, { title: 'one' }), operation as unknown as SentOperation]
        const answer = await a.commit(operations)
        expect.error(answer, 'source_commit_invalid', `${JSON.stringify(operation)} must be refused`)
        expect.that(
          String(pointers(answer.details)[0]).startsWith('/operations/1'),
          'and the refusal say where',
          {
            expected: '/operations/1...',
            received: answer.details,
          },
        )
      }
      expect.equal((await a.load('items', one)).row, null, 'the rest of the commit must fall with it')
    },
  },
  {
    id: 'FIELD-11',
    must: 'An operation other than CREATE without an id MUST be refused as `source_operation_id_required`.',
    async run({ a, expect }) {
      for (const type of ['UPDATE', 'DELETE', 'ARCHIVE', 'UNARCHIVE'] as const) {
        const answer = await a.commit({
          type,
          model: 'items',
          ...(type === 'UPDATE' && { input: { title: 'x' } }),
        })
        expect.error(answer, 'source_operation_id_required', `${type} without an id must be refused`)
      }
    },
  },
])
