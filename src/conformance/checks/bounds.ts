import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { tally } from './crowd.ts'
import { lastPoint, make, settle, together } from './steps.ts'

const MIB = 1_048_576
/** Twenty of them are more than an answer may have; one fits into a request. */
const LARGE = 'x'.repeat(900_000)
const TIMES = 20
/** More than any pool has connections. */
const CROWD = 200

/** What a request may cost, whatever the rows are that it is about. */
export const boundChecks = checks('bounds', [
  {
    id: 'BOUND-01',
    must: 'A commit whose answer would have more than 16 MiB MUST be refused as `commit_too_large`, 413, and leave nothing.',
    slow: true,
    async run(context) {
      const { a, id, key, expect } = context
      const one = await make(context, a, 'items', { title: 'large', body: LARGE })
      const used = key()
      const operations = [
        create('items', id(), { title: 'beside' }),
        ...Array.from({ length: TIMES }, (_, rank) => update('items', one.id, { rank })),
      ]
      const answer = await a.commit(operations, { key: used })
      expect.error(answer, 'commit_too_large', 'an answer without bounds must be refused')
      expect.equal(answer.status, 413, 'and with 413')
      const { row, stamp } = (await a.load('items', one.id)).body as { row: { rank: unknown }; stamp: number }
      expect.equal([row.rank, stamp], [null, one.stamp], 'nothing of it may be applied')
      const small = await a.commit(update('items', one.id, { rank: 1 }), { key: used })
      expect.equal(small.replayed, false, 'and its key must be free')
      await a.commit(act('DELETE', 'items', one.id))
    },
  },
  {
    id: 'BOUND-02',
    must: 'The details of `stale_context` MUST stop at about 1 MiB and say how many operations they leave out.',
    slow: true,
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'large', body: LARGE })
      const changed = await a.commit(update('items', one.id, { rank: 1 }))
      const stale = Array.from({ length: 5 }, (_, rank) =>
        update('items', one.id, { rank }, { readAt: one.stamp }),
      )
      const answer = await a.commit(stale)
      expect.error(answer, 'stale_context', 'a decision on an older state must be refused')
      expect.that(answer.text.length <= MIB + 65_536, 'a refusal must have bounds', {
        received: answer.text.length,
      })
      const { operations = [], more } = (answer.body.details ?? {}) as {
        operations?: unknown[]
        more?: number
      }
      expect.equal(operations.length + (more ?? 0), 5, 'every stale operation must be told or counted')
      const fresh = await a.commit(act('DELETE', 'items', one.id, { readAt: changed.lastStamp }))
      fresh.ok()
    },
  },
  {
    id: 'BOUND-03',
    must: 'A page of rows or of events MUST end at about 16 MiB, and its cursor go on without a gap.',
    slow: true,
    async run(context) {
      const { a, expect } = context
      const { cursor } = await a.history()
      const made: string[] = []
      for (let rank = 0; rank < TIMES; rank++)
        made.push((await make(context, a, 'items', { title: 'large', body: LARGE, rank })).id)
      const page = await a.list('items', { limit: 100 })
      expect.that(page.text.length < 17 * MIB, 'a page of rows must have bounds', {
        received: page.text.length,
      })
      const { rows } = await a.listAll('items', { limit: 100 })
      expect.equal(rows.map((row) => row.id).sort(), [...made].sort(), 'and every row be found')
      const told = await a.events({ cursor, limit: 100 })
      expect.that(told.text.length < 17 * MIB, 'a page of events must have bounds', {
        received: told.text.length,
      })
      const { events } = await a.history(cursor, 100)
      expect.equal(
        events.map(({ entityId }) => entityId),
        made,
        'and every event be told',
      )
      for (const one of made) await a.commit(act('DELETE', 'items', one))
    },
  },
  {
    id: 'BOUND-04',
    must: 'A list ordered by long texts MUST page: its cursors come back whole, and are short.',
    async run(context) {
      const { a, expect } = context
      for (const letter of ['a', 'b', 'c'])
        await make(context, a, 'items', { title: letter, body: letter.repeat(60_000) })
      const first = await a.list('items', { orderBy: 'body', limit: 1 })
      expect.that(
        (first.nextCursor ?? '').length <= 8_192,
        'a cursor must be short, whatever it is made of',
        {
          received: first.nextCursor?.length,
        },
      )
      const { rows } = await a.listAll('items', { orderBy: 'body', limit: 1 })
      expect.equal(
        rows.map((row) => row.title),
        ['a', 'b', 'c'],
        'a list by long texts must hold every row once, in order',
      )
    },
  },
  {
    id: 'BOUND-05',
    must: "A commit that is under way MUST NOT hold up another tenant's commit under an equal key.",
    models: ['gated', 'items'],
    needs: ['points'],
    async run(context) {
      const { a, b, id, key, expect, probe } = context
      const used = key()
      const one = await make(context, a, 'gated', { title: 'one', value: 0 })
      const release = await (await lastPoint(probe)).hold(one.id)
      const held = a.commit(update('gated', one.id, { value: 1 }), { key: used })
      await settle()
      const other = b.commit(create('items', id(), { title: 'other' }), { key: used })
      const first = await Promise.race([other.then(() => 'other'), settle(2_000).then(() => 'none')])
      await release()
      ;(await held).ok()
      ;(await other).ok()
      expect.equal(first, 'other', "another tenant's equal key must not be waited for")
    },
  },
  {
    id: 'BOUND-06',
    must: 'A follower that starts from now MUST get no event from before, and all that come after.',
    async run(context) {
      const { a, expect } = context
      await make(context, a, 'items', { title: 'before' })
      const start = await a.send({ type: 'events', from: 'now' })
      expect.equal(start.events, [], 'a start from now must tell nothing from before')
      const later = await make(context, a, 'items', { title: 'after' })
      const { events } = await a.history(start.nextCursor)
      expect.equal(
        events.map(({ stamp }) => stamp),
        [later.stamp],
        'and everything that comes after it',
      )
    },
  },
  {
    id: 'BOUND-07',
    must: 'A commit of more operations than the endpoint takes MUST be refused before any is looked at.',
    async run({ a, id, expect }) {
      const operations = Array.from({ length: 1_001 }, () => ({ type: 'DELETE', model: 'items', id: id() }))
      const answer = await a.send({ type: 'commit', correlationId: id(), operations })
      expect.error(answer, 'source_commit_invalid', '1,001 operations must be refused')
      expect.that(answer.text.length < 65_536, 'in a few words', { received: answer.text.length })
    },
  },
  {
    id: 'BOUND-08',
    must: 'When more callers come than the store has connections, each MUST be answered: with what it asked for, or as busy, to come again.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const answers = await together(CROWD, (at) =>
        at % 2 === 0
          ? a.load('items', one.id)
          : a.commit(create('items', id(), { title: 'crowd' }), { key: `crowd:${one.id}:${at}` }),
      )
      const odd = answers.filter(
        ({ status, body }) => status !== 200 && !(status === 503 && body.retryable === true),
      )
      expect.equal(tally(odd), {}, 'a caller of a crowd must be served, or told to come again')
      expect.equal((await a.load('items', one.id)).row, one.row, 'and the next caller must be served')
    },
  },
  {
    id: 'BOUND-09',
    must: 'Large forged requests, with headers of hundreds of signatures, MUST all be refused with 401, and nobody else be refused for them.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const wrong = Array.from({ length: 300 }, () => `v1,${btoa('x'.repeat(32))}`).join(' ')
      const body = `{"type":"commit","correlationId":"${id()}","operations":[${LARGE}`
      const forged = together(16, (at) =>
        a.post(body, {
          headers: (signed) => ({ ...signed, 'webhook-signature': at % 2 ? wrong : wrong.slice(0, 47) }),
        }),
      )
      const loads = await together(16, () => a.load('items', one.id))
      const refused = await forged
      expect.equal(
        tally(refused),
        { '401 source_signature_invalid': 16 },
        'what is not signed must not be looked at, however much there is of it',
      )
      expect.equal(tally(loads), { 200: 16 }, 'and a caller with a key must be served beside it')
    },
  },
])
