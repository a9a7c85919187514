import type { WireEvent } from '../answer.ts'
import { checks } from '../check.ts'
import { act, update } from '../source.ts'
import { lastPoint, make, settle } from './steps.ts'

const stampsOf = (events: readonly WireEvent[]): number[] => events.map(({ stamp }) => stamp)

/** Followers of the feed: cursors, late commits, pruning, writes from elsewhere. */
export const followChecks = checks('feed', [
  {
    id: 'FEED-12',
    must: 'A cursor that this log never issued to this tenant MUST be refused as `cursor_invalid`.',
    async run(context) {
      const { a, b, expect } = context
      await make(context, a, 'items', { title: 'one' })
      const { cursor = '' } = await a.history()
      expect.error(await b.events({ cursor }), 'cursor_invalid', "another tenant's cursor must be refused")
      const middle = cursor.length >> 1
      const swapped = cursor[middle] === 'A' ? 'B' : 'A'
      const forged = [
        '0',
        '17',
        'x',
        `${cursor}A`,
        cursor.slice(1),
        `${cursor.slice(0, middle)}${swapped}${cursor.slice(middle + 1)}`,
      ]
      for (const one of forged) {
        const answer = await a.events({ cursor: one })
        expect.error(
          answer,
          ['cursor_invalid', 'cursor_expired'],
          'a cursor that was never issued must be refused',
        )
      }
      expect.error(await a.events({ cursor: '' }), 'cursor_invalid', 'an empty cursor is no beginning')
    },
  },
  {
    id: 'FEED-13',
    must: 'A limit that is no whole number from 1 to the cap MUST be refused as `invalid_query`, never cut.',
    async run({ a, expect }) {
      for (const limit of [0, -1, 1.5, 1_000_000, '10', true]) {
        expect.error(
          await a.events({ limit }),
          'invalid_query',
          `the limit ${JSON.stringify(limit)} must be refused`,
        )
      }
    },
  },
  {
    id: 'FEED-15',
    must: 'The row, its event and the ledger entry MUST become visible together, with the commit.',
    models: ['gated'],
    needs: ['points', 'row', 'outbox', 'ledger'],
    async run(context) {
      const { a, key, expect, probe } = context
      const used = key()
      const one = await make(context, a, 'gated', { title: 'one', value: 0 })
      const point = await lastPoint(probe)
      const release = await point.hold(one.id)
      const commit = a.commit(update('gated', one.id, { value: 1 }), { key: used })
      const seen = async () => ({
        value: (await probe.row('gated', one.id))?.value,
        events: (await probe.outbox(a.tenant as string)).filter(({ entityId }) => entityId === one.id).length,
        ledger: (await probe.ledger(a.tenant as string)).includes(used),
      })
      await settle()
      const before = await seen()
      await release()
      ;(await commit).ok()
      expect.equal(
        before,
        { value: '0', events: 1, ledger: false },
        'nothing may be visible before the commit',
      )
      expect.equal(await seen(), { value: '1', events: 2, ledger: true }, 'all must be visible after it')
    },
  },
  {
    id: 'FEED-16',
    must: 'A commit that ends late MUST NOT be skipped by a follower that read on meanwhile.',
    models: ['items', 'gated'],
    needs: ['points'],
    async run(context) {
      const { a, expect, probe } = context
      const late = await make(context, a, 'gated', { title: 'late', value: 0 })
      const other = await make(context, a, 'items', { title: 'other', rank: 0 })
      const point = await lastPoint(probe)
      let { cursor } = await a.history()
      const release = await point.hold(late.id)
      const slow = a.commit(update('gated', late.id, { value: 1 }))
      await settle()
      const events: WireEvent[] = []
      const follow = async (): Promise<void> => {
        const read = await a.history(cursor, 2)
        events.push(...read.events)
        cursor = read.cursor
      }
      for (let rank = 1; rank <= 3; rank++) {
        await a.commit(update('items', other.id, { rank }))
        await follow()
      }
      await release()
      ;(await slow).ok()
      await follow()
      const stamps = stampsOf(events)
      expect.equal(
        events.map(({ entityId }) => entityId).sort(),
        [late.id, other.id, other.id, other.id].sort(),
        'the follower must get the late commit as well as the others, each once',
      )
      expect.equal(
        stamps,
        [...stamps].sort((one, two) => one - two),
        'and in the order of their stamps',
      )
    },
  },
  {
    id: 'FEED-17',
    must: 'A cursor below what was pruned MUST be refused as `cursor_expired`.',
    needs: ['prune'],
    async run(context) {
      const { a, expect, probe } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const { nextCursor } = await a.events({ limit: 1 })
      await a.commit(update('items', one.id, { title: 'two' }))
      const last = await a.commit(update('items', one.id, { title: 'three' }))
      const { cursor } = await a.history()
      await probe.prune(last.lastStamp)
      const expired = await a.events({ cursor: nextCursor })
      expect.error(expired, 'cursor_expired', 'a follower that missed something must be told')
      expect.equal(expired.status, 410, 'and with 410')
      expect.equal((await a.events({ cursor })).events, [], 'a follower that missed nothing must go on')
    },
  },
  {
    id: 'FEED-18',
    must: 'A walk from the beginning MUST give at least the last change of every row, pruned or not.',
    needs: ['prune'],
    async run(context) {
      const { a, expect, probe } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const two = await make(context, a, 'items', { title: 'two' })
      const last = await a.commit(update('items', one.id, { title: 'one again' }))
      await probe.prune(last.lastStamp)
      const after = await a.commit(update('items', two.id, { title: 'two again' }))
      const state = new Map<string, unknown>()
      const { events } = await a.history(undefined, 1)
      for (const { model, entityId, data } of events) if (model === 'items') state.set(entityId, data.title)
      const expected = { [one.id]: 'one again', [two.id]: 'two again' }
      expect.equal(Object.fromEntries(state), expected, 'replaying the feed must rebuild the rows')
      expect.equal(events.at(-1)?.stamp, after.lastStamp, 'up to the newest event')
    },
  },
  {
    id: 'FEED-19',
    must: 'A write that bypasses the endpoint MUST appear in the feed of a captured model, and make older decisions stale.',
    models: ['watched'],
    needs: ['capture', 'write'],
    async run(context) {
      const { a, expect, probe } = context
      const one = await make(context, a, 'watched', { title: 'one' })
      const { cursor } = await a.history()
      await probe.write('watched', { id: one.id, organizationId: a.tenant, title: 'from elsewhere' })
      const { events } = await a.history(cursor)
      expect.equal(
        events.map(({ entityId, type, data }) => [entityId, type, data.title]),
        [[one.id, 'UPDATE', 'from elsewhere']],
        'a write from elsewhere must leave its event',
      )
      const answer = await a.commit(update('watched', one.id, { title: 'two' }, { readAt: one.stamp }))
      expect.error(answer, 'stale_context', 'and count as a change of the row')
    },
  },
  {
    id: 'FEED-20',
    must: 'A captured model MUST leave one event, not two, for a change that came through the endpoint.',
    models: ['watched'],
    needs: ['capture'],
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'watched', { title: 'one' })
      await a.commit([update('watched', one.id, { title: 'two' }), act('DELETE', 'watched', one.id)])
      const types = (await a.eventsOf('watched', one.id)).map(({ type }) => type)
      expect.equal(types, ['CREATE', 'UPDATE', 'DELETE'], 'each change must be told once')
    },
  },
  {
    id: 'FEED-21',
    must: 'An `acknowledgedThrough` that this log never issued to this tenant MUST be refused like such a cursor, never dropped.',
    async run(context) {
      const { a, b, expect } = context
      await make(context, a, 'items', { title: 'one' })
      const { cursor = '' } = await a.history()
      // one that is accepted would hold the pruning of later checks
      for (const acknowledgedThrough of ['', '17', 'x', `${cursor}A`, cursor.slice(1)]) {
        expect.error(
          await a.events({ acknowledgedThrough }),
          ['cursor_invalid', 'cursor_expired'],
          'an acknowledgement of a cursor that was never issued must be refused',
        )
      }
      expect.error(
        await b.events({ acknowledgedThrough: cursor }),
        'cursor_invalid',
        "an acknowledgement of another tenant's cursor must be refused",
      )
    },
  },
  {
    id: 'FEED-22',
    must: 'A change of a row that several models show MUST be told once under each, in its words, with one stamp and ids of their own, and no page may end between them.',
    models: ['books', 'covers'],
    async run(context) {
      const { a, expect } = context
      const { cursor } = await a.history()
      const one = await make(context, a, 'books', { title: 'one', pages: 1 })
      const stamps = [one.stamp]
      for (const operation of [
        update('covers', one.id, { heading: 'two' }),
        update('books', one.id, { pages: 2 }),
        act('DELETE', 'covers', one.id),
      ]) {
        stamps.push((await a.commit(operation)).lastStamp)
      }
      const types = ['CREATE', 'UPDATE', 'UPDATE', 'DELETE']
      const books = await a.eventsOf('books', one.id, cursor)
      const covers = await a.eventsOf('covers', one.id, cursor)
      expect.equal(
        [books, covers].map((events) => events.map(({ type, stamp }) => [type, stamp])),
        [books, covers].map(() => types.map((type, at) => [type, stamps[at]])),
        'each change must be told under each model, whichever of them wrote it',
      )
      const ids = [...books, ...covers].map((event) => event.id)
      expect.equal(new Set(ids).size, ids.length, 'an event of each model must have an id of its own')
      expect.equal(
        books.map(({ data, changed }) => [data.title, data.pages, changed]),
        [
          ['one', 1, undefined],
          ['two', 1, ['title']],
          ['two', 2, ['pages']],
          ['two', 2, undefined],
        ],
        'an event must hold the whole row as its model shows it',
      )
      expect.equal(
        covers.map(({ data, changed }) => [data.heading, Object.hasOwn(data, 'pages'), changed]),
        [
          ['one', false, undefined],
          ['two', false, ['heading']],
          ['two', false, []],
          ['two', false, undefined],
        ],
        'and nothing that its model does not show',
      )
      const page = await a.events({ cursor, limit: 3 })
      expect.equal(page.events.length, 2, 'a page must hold as many whole changes as fit within its limit')
      const small = (await a.history(cursor, 1)).events.filter(({ entityId }) => entityId === one.id)
      expect.equal(
        small.map((event) => event.id).sort(),
        ids.sort(),
        'small pages must hold what a large one holds',
      )
    },
  },
])
