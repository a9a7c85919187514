import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { make } from './steps.ts'

const TIME = /^\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/

/** What each type of operation does to a present and to a missing row. */
export const outcomeChecks = checks('core', [
  {
    id: 'OUTCOME-01',
    must: 'A CREATE without an id MUST make one and answer it.',
    async run({ a, expect }) {
      const answer = await a.commit(create('items', undefined, { title: 'nameless' }))
      const { id } = answer.only
      expect.that(typeof id === 'string' && id !== '', 'the answer must have the id that was made', {
        received: id,
      })
      expect.equal(
        (await a.load('items', id as string)).row,
        answer.only,
        'the row must be found under that id',
      )
    },
  },
  {
    id: 'OUTCOME-02',
    must: 'A CREATE MUST use the id that it is given and fill in the defaults of the schema.',
    async run({ a, id, expect }) {
      const one = id()
      const answer = await a.commit(create('items', one, { title: 'named' }))
      expect.equal(
        [answer.only.id, answer.only.status, answer.only.rank, answer.only.body],
        [one, 'todo', null, null],
        'the id must be the given one, a default its value, and what was left out null',
      )
    },
  },
  {
    id: 'OUTCOME-03',
    must: 'A CREATE over a present row MUST be refused as `unique_violation` and leave the row alone.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'first' })
      const answer = await a.commit(create('items', one.id, { title: 'second' }))
      expect.error(answer, 'unique_violation', 'a create over a present row must be refused')
      expect.equal((await a.load('items', one.id)).row, one.row, 'the present row must stay as it is')
    },
  },
  {
    id: 'OUTCOME-04',
    must: 'An UPDATE MUST change the fields that it is sent and no others.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', body: 'text', rank: 4 })
      const answer = await a.commit(update('items', one.id, { body: 'new text' }))
      const { updatedAt: _before, ...before } = one.row
      const { updatedAt: _after, ...after } = answer.only
      expect.equal(after, { ...before, body: 'new text' }, 'a field that was not sent must keep its value')
    },
  },
  {
    id: 'OUTCOME-05',
    must: 'An UPDATE of a missing row MUST be refused as `entity_not_found` and invent no row.',
    async run({ a, id, expect }) {
      const one = id()
      const answer = await a.commit(update('items', one, { title: 'invented' }))
      expect.error(answer, 'entity_not_found', 'an update of a missing row must be refused')
      expect.equal((await a.load('items', one)).row, null, 'an update of a missing row must not invent one')
    },
  },
  {
    id: 'OUTCOME-06',
    must: 'An UPDATE MUST set a field to null where null is sent, and only there.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', body: 'text', rank: 4 })
      const answer = await a.commit(update('items', one.id, { body: null }))
      expect.equal([answer.only.body, answer.only.rank], [null, 4], 'null must be stored where it was sent')
    },
  },
  {
    id: 'OUTCOME-07',
    must: 'A DELETE MUST remove the row and answer it as it was.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', rank: 4 })
      const answer = await a.commit(act('DELETE', 'items', one.id))
      expect.equal(answer.only, one.row, 'a delete must answer the row as it was')
      expect.equal((await a.load('items', one.id)).row, null, 'a deleted row must be gone')
      expect.equal((await a.list('items')).rows, [], 'a deleted row must be in no list')
    },
  },
  {
    id: 'OUTCOME-08',
    must: 'DELETE, ARCHIVE and UNARCHIVE of a missing row MUST be refused as `entity_not_found`.',
    async run({ a, id, expect }) {
      for (const type of ['DELETE', 'ARCHIVE', 'UNARCHIVE'] as const) {
        const answer = await a.commit(act(type, 'items', id()))
        expect.error(answer, 'entity_not_found', `${type} of a missing row must be refused`)
      }
    },
  },
  {
    id: 'OUTCOME-09',
    must: 'ARCHIVE MUST set the archive field to a time, and a second ARCHIVE keep the first time.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const first = await a.commit(act('ARCHIVE', 'items', one.id))
      const time = String(first.only.archivedAt)
      expect.that(TIME.test(time), 'an archived row must say when', {
        expected: 'RFC 3339 in UTC with six digits of a second',
        received: first.only.archivedAt,
      })
      const second = await a.commit(act('ARCHIVE', 'items', one.id))
      expect.equal(second.only.archivedAt, time, 'archiving twice must keep the first time')
    },
  },
  {
    id: 'OUTCOME-10',
    must: 'UNARCHIVE MUST clear the archive field, also of a row that was never archived.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const never = await a.commit(act('UNARCHIVE', 'items', one.id))
      expect.equal(never.only.archivedAt, null, 'a row that was never archived must be taken')
      await a.commit(act('ARCHIVE', 'items', one.id))
      const answer = await a.commit(act('UNARCHIVE', 'items', one.id))
      expect.equal(answer.only.archivedAt, null, 'unarchiving must clear the archive field')
    },
  },
  {
    id: 'OUTCOME-11',
    must: 'ARCHIVE of a model without an archive field MUST be refused as `source_commit_invalid`.',
    models: ['shared'],
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'shared', { name: 'one' })
      const answer = await a.commit(act('ARCHIVE', 'shared', one.id))
      expect.error(answer, 'source_commit_invalid', 'what cannot be archived must be refused')
    },
  },
  {
    id: 'OUTCOME-12',
    must: 'A refusal as `entity_not_found` MUST list every missing row with the place of its operation.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const [two, three] = [id(), id()]
      const answer = await a.commit([
        update('items', two, { rank: 1 }),
        update('items', one.id, { rank: 1 }),
        act('DELETE', 'items', three),
      ])
      expect.error(answer, 'entity_not_found', 'a commit on missing rows must be refused')
      const expected = [
        { index: 0, model: 'items', id: two },
        { index: 2, model: 'items', id: three },
      ]
      expect.equal(answer.operations, expected, 'the details must list every missing row and no other')
    },
  },
  {
    id: 'OUTCOME-13',
    must: 'A touch field MUST hold the time of the last create or update, unless the input says otherwise.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      expect.that(TIME.test(String(one.row.updatedAt)), 'a create must touch the row', { received: one.row })
      const said = '2020-02-29T12:00:00.000001Z'
      const answer = await a.commit(update('items', one.id, { updatedAt: said }))
      expect.equal(answer.only.updatedAt, said, 'a touch field that is sent must be stored as sent')
      const touched = await a.commit(update('items', one.id, { rank: 1 }))
      expect.that(String(touched.only.updatedAt) > said, 'an update must touch the row', {
        received: touched.only,
      })
    },
  },
  {
    id: 'OUTCOME-14',
    must: 'An id MUST be free again once its row is deleted.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'first', body: 'text' })
      ;(await a.commit(act('DELETE', 'items', one.id))).ok()
      const answer = await a.commit(create('items', one.id, { title: 'second' }))
      expect.equal(
        [answer.only.title, answer.only.body],
        ['second', null],
        'nothing of the deleted row may remain',
      )
      expect.that(answer.lastStamp > one.stamp, 'its stamp must go on growing', { received: answer.stamps })
    },
  },
  {
    id: 'OUTCOME-15',
    must: 'A load of a missing row MUST succeed with `row: null`.',
    async run({ a, id, expect }) {
      const answer = await a.load('items', id())
      expect.equal([answer.row, answer.stamp], [null, 0], 'a row that never was has no stamp but 0')
    },
  },
  {
    id: 'OUTCOME-16',
    must: 'A key that is a number MUST travel as the kind says, be made by the store when it is not sent, and have one spelling.',
    models: ['counters'],
    async run({ a, expect, random }) {
      const made = await a.commit(create('counters', undefined, { value: 1 }))
      const id = made.only.id as string
      expect.that(typeof id === 'string' && /^[1-9]\d*$/.test(id), 'a bigint key must travel as a string', {
        received: id,
      })
      const large = String(
        4_000_000_000_000_000_000n + BigInt(random.below(2 ** 31)) * 1000n + BigInt(Date.now() % 1000),
      )
      const answer = await a.commit(create('counters', large, { value: 2 }))
      expect.equal([answer.only.id, answer.only.value], [large, 2], 'a key beyond 2^53 must keep its digits')
      const loaded = await a.load('counters', large)
      expect.equal([loaded.row?.value, loaded.stamp], [2, answer.lastStamp], 'and be found with its stamp')
      const padded = await a.commit(update('counters', `0${large}`, { value: 3 }))
      expect.error(
        padded,
        'source_commit_invalid',
        'another spelling of a key must be refused: the log would take it for another row',
      )
    },
  },
  {
    id: 'OUTCOME-17',
    must: 'An UPDATE that sends nothing new MUST be taken, and leave its event without changed fields.',
    models: ['shared'],
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'shared', { name: 'same' })
      const answer = await a.commit(update('shared', one.id, { name: 'same' }))
      expect.equal(answer.only, one.row, 'the row must stay as it is')
      const [, event] = await a.eventsOf('shared', one.id)
      expect.equal([event?.type, event?.changed], ['UPDATE', []], 'its event must say that no field changed')
    },
  },
])
