import type { WireEvent } from '../answer.ts'
import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { changedOf, make, makeAll } from './steps.ts'

const TIME = /^\d{4,}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/

const stampsOf = (events: readonly WireEvent[]): number[] => events.map(({ stamp }) => stamp)

/** Every committed change once, in order, to whoever follows. */
export const feedChecks = checks('feed', [
  {
    id: 'FEED-01',
    must: 'Each applied operation MUST leave exactly one event, found by the next request for events.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      const answer = await a.commit(
        [create('items', one, { title: 'one' }), update('items', one, { rank: 1 })],
        {
          key: used,
        },
      )
      const events = await a.eventsOf('items', one)
      expect.equal(
        events.map(({ type, stamp }) => [type, stamp]),
        [
          ['CREATE', answer.stamps[0]],
          ['UPDATE', answer.stamps[1]],
        ],
        'there must be one event for each operation, with the stamp that the commit answered',
      )
      expect.equal(
        events.map(({ data }) => data),
        answer.rows,
        "an event's data must be the row as the commit answered it",
      )
    },
  },
  {
    id: 'FEED-02',
    must: 'An event MUST tell model, row, type, tenant, key and time, and carry an id that no other event has.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      await a.commit(create('items', one, { title: 'one' }, { transactionId: 'tx-1' }), { key: used })
      const [event] = await a.eventsOf('items', one)
      expect.equal(
        [event?.model, event?.entityId, event?.type, event?.organizationId],
        ['items', one, 'CREATE', a.tenant],
        'an event must tell whose row it is',
      )
      expect.equal(
        [event?.correlationId, event?.clientTxId, event?.transactionId],
        [used, used, 'tx-1'],
        'an event must tell the key of its commit and the transactionId of its operation',
      )
      expect.that(
        TIME.test(event?.at ?? '') && event?.occurredAt === Date.parse(event?.at ?? ''),
        'an event must tell when it happened',
        {
          received: [event?.occurredAt, event?.at],
        },
      )
      const { events } = await a.history()
      expect.equal(
        new Set(events.map((each) => each.id)).size,
        events.length,
        'no two events may share an id',
      )
    },
  },
  {
    id: 'FEED-03',
    must: 'Pages of any size MUST hold the same events: none lost and none twice at a boundary.',
    async run(context) {
      const { a, expect } = context
      await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 23 }, (_, rank) => ({ title: 'x', rank })),
      )
      const whole = await a.history()
      for (const limit of [1, 2, 3, 5, 22, 23, 24]) {
        const paged = await a.history(undefined, limit)
        expect.equal(
          stampsOf(paged.events),
          stampsOf(whole.events),
          `pages of ${limit} must hold what one large page holds`,
        )
      }
    },
  },
  {
    id: 'FEED-04',
    must: 'A page MUST hold no more events than its limit, and be full while there are more.',
    async run(context) {
      const { a, expect } = context
      await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 7 }, () => ({ title: 'x' })),
      )
      const start = await a.history()
      expect.that(start.events.length >= 7, 'the events must be there', { received: start.events.length })
      const page = await a.events({ limit: 3 })
      expect.equal(page.events.length, 3, 'a page must be as long as its limit while there are more')
    },
  },
  {
    id: 'FEED-05',
    must: 'The end of the feed MUST be an empty page, from whose cursor later events are found.',
    async run(context) {
      const { a, expect } = context
      await make(context, a, 'items', { title: 'before' })
      const { cursor } = await a.history()
      const empty = await a.events({ cursor })
      expect.equal(empty.events, [], 'there must be nothing behind the last event')
      const later = await make(context, a, 'items', { title: 'after' })
      const found = await a.events({ cursor: empty.nextCursor ?? cursor })
      expect.equal(
        stampsOf(found.events),
        [later.stamp],
        'the follower must find what came later, and only that',
      )
    },
  },
  {
    id: 'FEED-06',
    must: 'Stamps in the feed MUST rise without exception, across models and commits.',
    models: ['items', 'shared', 'values'],
    async run(context) {
      const { a, expect, random } = context
      const { cursor } = await a.history()
      for (let round = 0; round < 12; round++) {
        const model = random.pick(['items', 'shared', 'values'] as const)
        await make(
          context,
          a,
          model,
          { items: { title: 'x' }, shared: { name: 'x' }, values: { text: 'x' } }[model],
        )
      }
      const { events } = await a.history(cursor, 5)
      const stamps = stampsOf(events)
      expect.equal(
        stamps,
        [...stamps].sort((one, other) => one - other),
        'events must stand in the order of their stamps',
      )
      expect.equal(events.length, 12, 'and all of them be there')
    },
  },
  {
    id: 'FEED-07',
    must: 'A refused commit MUST leave no event, whatever it had applied before it was refused.',
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const { cursor } = await a.history()
      await a.commit([create('items', id(), { title: 'half' }), create('items', one.id, { title: 'twice' })])
      await a.commit([update('items', one.id, { rank: 1 }), update('items', id(), { rank: 1 })])
      await make(context, a, 'items', { title: 'last' })
      const { events } = await a.history(cursor)
      expect.equal(
        events.map(({ data }) => data.title),
        ['last'],
        'only committed changes may appear',
      )
    },
  },
  {
    id: 'FEED-08',
    must: 'A replay and an operation that was held back MUST leave no event.',
    async run(context) {
      const { a, key, expect } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'one' })
      const operation = update('items', one.id, { title: 'two' })
      await a.commit(operation, { key: used })
      const { cursor } = await a.history()
      ;(await a.commit(operation, { key: used })).ok()
      await a.commit(update('items', one.id, { title: 'three' }, { readAt: one.stamp, onStale: 'notify' }))
      expect.equal((await a.history(cursor)).events, [], 'what changed nothing must leave no event')
    },
  },
  {
    id: 'FEED-09',
    must: "A DELETE's event MUST carry the row as it was; only an UPDATE's kind of event names changed fields, sorted.",
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const changed = await a.commit(update('items', one.id, { title: 'two', rank: 1, status: 'todo' }))
      await a.commit(act('DELETE', 'items', one.id))
      const [created, updated, deleted] = await a.eventsOf('items', one.id)
      expect.equal(deleted?.data, changed.only, 'a delete must tell the row as it was')
      expect.equal(
        changedOf(updated),
        ['rank', 'title'],
        'an update must name the fields whose value changed',
      )
      expect.equal(
        [created?.changed, deleted?.changed],
        [undefined, undefined],
        'where a row came or went there are no changed fields',
      )
    },
  },
  {
    id: 'FEED-10',
    must: 'Events of one row MUST stand in the order in which its changes happened.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'x', rank: 0 })
      for (let rank = 1; rank <= 5; rank++) await a.commit(update('items', one.id, { rank }))
      const events = await a.eventsOf('items', one.id)
      expect.equal(
        events.map(({ data }) => data.rank),
        [0, 1, 2, 3, 4, 5],
        "a row's history must be told in order",
      )
      expect.equal(events.at(-1)?.stamp, (await a.load('items', one.id)).stamp, "and end at the row's stamp")
    },
  },
  {
    id: 'FEED-11',
    must: 'A tenant MUST see the events of its own rows and of nobody’s, and no others.',
    models: ['items', 'parts', 'shared'],
    async run(context) {
      const { a, b, anyone, id, expect } = context
      const starts = [(await a.history()).cursor, (await b.history()).cursor]
      const mine = await make(context, a, 'items', { title: 'of a' })
      const part = await make(context, a, 'parts', { itemId: mine.id, name: 'of a' })
      const theirs = await make(context, b, 'items', { title: 'of b' })
      const free = id()
      ;(await anyone.commit(create('shared', free, { name: 'of nobody' }))).ok()
      const seen = async (source: typeof a, cursor: string | undefined): Promise<string[]> =>
        (await source.history(cursor)).events.map(({ entityId }) => entityId)
      expect.equal(
        await seen(a, starts[0]),
        [mine.id, part.id, free],
        'the feed of one tenant must be its own',
      )
      expect.equal(
        await seen(b, starts[1]),
        [theirs.id, free],
        'the feed of the other tenant must be its own',
      )
      const [event] = await a.eventsOf('shared', free)
      expect.equal(event?.organizationId, undefined, 'a row of nobody has no tenant, whoever writes it')
    },
  },
  {
    id: 'FEED-14',
    must: 'The same event MUST be told in the same way at every reading.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const { cursor } = await a.history()
      await a.commit(update('items', one.id, { title: 'two' }))
      const first = await a.events({ cursor })
      await a.commit(act('DELETE', 'items', one.id))
      const second = await a.events({ cursor, limit: first.events.length })
      expect.equal(second.events, first.events, 'later changes must not reach into an event')
    },
  },
])
