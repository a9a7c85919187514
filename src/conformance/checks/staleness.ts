import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { changedOf, make } from './steps.ts'

const BEYOND = 2 ** 47

/** Who decided on an old state is told so, exactly. */
export const stalenessChecks = checks('staleness', [
  {
    id: 'STALE-01',
    must: "A commit decided on a row's present stamp MUST be accepted, whether load, list or commit gave it.",
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', rank: 0 })
      const stamps = [
        () => one.stamp,
        async () => (await a.load('items', one.id)).stamp,
        async () => (await a.list('items')).stamps[0] as number,
        async () => (await a.list('items')).stamp,
      ]
      for (const [rank, stamp] of stamps.entries()) {
        const answer = await a.commit(update('items', one.id, { rank }, { readAt: await stamp() }))
        expect.equal(answer.summary, '200', 'a decision on the present state must be accepted')
      }
    },
  },
  {
    id: 'STALE-02',
    must: 'A commit decided on an older state MUST be refused as `stale_context`, telling model, id, readAt, the stamp now, the changed fields and the row as it is.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const now = await a.commit(update('items', one.id, { title: 'two', rank: 7 }))
      const answer = await a.commit(update('items', one.id, { title: 'three' }, { readAt: one.stamp }))
      expect.error(answer, 'stale_context', 'a decision on an old state must be refused')
      expect.equal(answer.status, 409, 'and with 409')
      const expected = {
        index: 0,
        model: 'items',
        id: one.id,
        readAt: one.stamp,
        stamp: now.lastStamp,
        reason: 'changed',
        changed: ['rank', 'title'],
        current: now.only,
      }
      const told = answer.operations.map((entry) => ({ ...entry, changed: changedOf(entry) }))
      expect.equal(told, [expected], 'the details must tell what changed since')
      expect.equal((await a.load('items', one.id)).row, now.only, 'a stale operation must not be applied')
    },
  },
  {
    id: 'STALE-03',
    must: 'One stale operation MUST fail the whole commit.',
    async run(context) {
      const { a, id, expect } = context
      const made = id()
      const one = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', one.id, { title: 'two' }))
      const answer = await a.commit([
        create('items', made, { title: 'made' }),
        update('items', one.id, { title: 'three' }, { readAt: one.stamp }),
      ])
      expect.error(answer, 'stale_context', 'a decision on an old state must be refused')
      expect.equal((await a.load('items', made)).row, null, 'nothing of a stale commit may be applied')
    },
  },
  {
    id: 'STALE-10',
    must: 'A readAt beyond the end of the log MUST be stale, `unknown_position`, never fresh.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      for (const onStale of ['reject', 'merge']) {
        const answer = await a.commit(update('items', one.id, { title: 'two' }, { readAt: BEYOND, onStale }))
        expect.error(answer, 'stale_context', 'a position from another world must be refused')
        const [entry] = answer.operations
        expect.equal(
          [entry?.reason, entry?.stamp, entry?.changed, entry?.current],
          ['unknown_position', one.stamp, null, one.row],
          'the refusal must say why, and tell the present stamp and row',
        )
      }
    },
  },
  {
    id: 'STALE-11',
    must: 'A row that was deleted since MUST be told as `deleted`, not as missing.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const gone = await a.commit(act('DELETE', 'items', one.id))
      const answer = await a.commit(update('items', one.id, { title: 'two' }, { readAt: one.stamp }))
      expect.error(answer, 'stale_context', 'a decision on a row that is gone must be told so')
      const [entry] = answer.operations
      expect.equal(
        [entry?.reason, entry?.stamp, entry?.changed, entry?.current],
        ['deleted', gone.lastStamp, null, null],
        'the refusal must say that it was deleted, and when',
      )
    },
  },
  {
    id: 'STALE-12',
    must: 'A row that was deleted and created anew since MUST be told as `created`.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const again = await a.commit([
        act('DELETE', 'items', one.id),
        create('items', one.id, { title: 'another' }),
      ])
      const answer = await a.commit(
        update('items', one.id, { rank: 1 }, { readAt: one.stamp, onStale: 'merge' }),
      )
      expect.error(answer, 'stale_context', 'a row that came anew is not the row that was read')
      const [entry] = answer.operations
      expect.equal(
        [entry?.reason, entry?.stamp],
        ['created', again.lastStamp],
        'the refusal must say that it came since',
      )
    },
  },
  {
    id: 'STALE-13',
    must: "A CREATE decided on a row's absence MUST be refused as `created` where the row came since, and accepted where not.",
    async run(context) {
      const { a, id, expect } = context
      const one = id()
      const absent = await a.load('items', one)
      const first = await a.commit(create('items', one, { title: 'one' }, { readAt: absent.stamp }))
      expect.equal(first.summary, '200', 'a decision on an absence that still holds must be accepted')
      const second = await a.commit(create('items', one, { title: 'two' }, { readAt: absent.stamp }))
      expect.error(second, 'stale_context', 'a decision on an absence that ended must be refused')
      const [entry] = second.operations
      expect.equal(
        [entry?.reason, entry?.current],
        ['created', first.only],
        'the refusal must show the row that came',
      )
    },
  },
  {
    id: 'STALE-14',
    must: 'A change of another row, of another model or of another tenant MUST NOT make a decision stale.',
    models: ['items', 'shared'],
    async run(context) {
      const { a, b, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const other = await make(context, a, 'items', { title: 'other' })
      await a.commit(update('items', other.id, { title: 'changed' }))
      await make(context, b, 'items', { title: 'of b' })
      // the same id in another model is another row
      await a.commit(create('shared', one.id, { name: 'namesake' }))
      const answer = await a.commit(update('items', one.id, { title: 'two' }, { readAt: one.stamp }))
      expect.equal(answer.summary, '200', "only the row's own changes count")
    },
  },
  {
    id: 'STALE-15',
    must: 'Every stale operation of a commit MUST be listed, in order.',
    async run(context) {
      const { a, expect } = context
      const rows = [
        await make(context, a, 'items', { title: 'one' }),
        await make(context, a, 'items', { title: 'two' }),
        await make(context, a, 'items', { title: 'three' }),
      ] as const
      await a.commit([update('items', rows[0].id, { rank: 1 }), update('items', rows[2].id, { rank: 1 })])
      const answer = await a.commit(
        rows.map(({ id, stamp }) => update('items', id, { rank: 2 }, { readAt: stamp })),
      )
      expect.error(answer, 'stale_context', 'a decision on an old state must be refused')
      const found = answer.operations.map(({ index, id, reason }) => [index, id, reason])
      const expected = [
        [0, rows[0].id, 'changed'],
        [2, rows[2].id, 'changed'],
      ]
      expect.equal(found, expected, 'all of them must be told at once')
    },
  },
  {
    id: 'STALE-17',
    must: 'Operations of one commit MUST be judged against the log before it, not against each other.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const answer = await a.commit([
        update('items', one.id, { title: 'two' }, { readAt: one.stamp }),
        update('items', one.id, { rank: 1 }, { readAt: one.stamp }),
      ])
      expect.equal(answer.summary, '200', "a commit's own changes must not make it stale")
    },
  },
  {
    id: 'STALE-19',
    must: 'Staleness MUST go by position, not by value or by time: a change to the same values counts as one.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', updatedAt: '2999-01-01T00:00:00Z' })
      await a.commit(update('items', one.id, { title: 'two' }))
      await a.commit(update('items', one.id, { title: 'one', updatedAt: '2999-01-01T00:00:00Z' }))
      const answer = await a.commit(update('items', one.id, { rank: 1 }, { readAt: one.stamp }))
      expect.error(answer, 'stale_context', 'a row that changed and changed back has changed')
    },
  },
  {
    id: 'STALE-21',
    must: 'A row that the log knows nothing of MUST have the stamp 0, and a decision on it be accepted.',
    needs: ['write'],
    async run({ a, id, expect, probe }) {
      const one = id()
      await probe.write('items', {
        id: one,
        organizationId: a.tenant,
        title: 'older than the log',
        status: 'todo',
      })
      const loaded = await a.load('items', one)
      expect.equal(
        [loaded.row?.title, loaded.stamp],
        ['older than the log', 0],
        'a row without history has the stamp 0',
      )
      const first = await a.commit(update('items', one, { title: 'first' }, { readAt: 0 }))
      expect.equal(first.summary, '200', 'a decision on a row without history must be accepted')
      const second = await a.commit(update('items', one, { title: 'second' }, { readAt: 0 }))
      expect.error(second, 'stale_context', 'and be refused once it has one')
      expect.equal(second.operations[0]?.reason, 'changed', 'as changed: the row was there before')
    },
  },
  {
    id: 'STALE-22',
    must: 'Pruning MUST NOT make a stale decision fresh, and a fresh one stale only as `watermark_expired`, where the store cannot tell.',
    needs: ['prune'],
    async run(context) {
      const { a, expect, probe } = context
      const still = await make(context, a, 'items', { title: 'still' })
      const moving = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', moving.id, { rank: 1 }))
      const last = await a.commit(update('items', moving.id, { body: 'b' }))
      const mark = await make(context, a, 'items', { title: 'mark' })
      await probe.prune(mark.stamp)
      const fresh = await a.commit(update('items', still.id, { rank: 1 }, { readAt: still.stamp }))
      if (fresh.code !== undefined) {
        expect.error(fresh, 'stale_context', 'what cannot be judged must be told as stale')
        expect.equal(
          fresh.operations[0]?.reason,
          'watermark_expired',
          'pruning must not make a decision stale',
        )
      }
      const stale = await a.commit(update('items', moving.id, { title: 'two' }, { readAt: moving.stamp }))
      expect.error(stale, 'stale_context', 'pruning must not make a stale decision fresh')
      expect.equal(
        stale.operations[0]?.stamp,
        last.lastStamp,
        'the last change of a row must outlive pruning',
      )
    },
  },
  {
    id: 'STALE-23',
    must: '`merge` MUST be refused where pruning has forgotten which fields changed.',
    needs: ['prune'],
    async run(context) {
      const { a, expect, probe } = context
      const one = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', one.id, { rank: 1 }))
      await a.commit(update('items', one.id, { body: 'b' }))
      const mark = await make(context, a, 'items', { title: 'mark' })
      await probe.prune(mark.stamp)
      const answer = await a.commit(
        update('items', one.id, { rank: 2 }, { readAt: one.stamp, onStale: 'merge' }),
      )
      expect.error(answer, 'stale_context', 'what is not known cannot be merged with')
      expect.equal(
        answer.operations[0]?.changed,
        null,
        'and the refusal must say that the fields are not known',
      )
    },
  },
  {
    id: 'STALE-24',
    must: 'A commit that is both stale and on a missing row MUST be told as stale first; a held one MUST NOT hide the missing one.',
    async run(context) {
      const { a, id, expect } = context
      const missing = id()
      const one = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', one.id, { title: 'two' }))
      const stale = { readAt: one.stamp }
      const both = await a.commit([
        update('items', missing, { rank: 1 }),
        update('items', one.id, { rank: 1 }, stale),
      ])
      expect.error(both, 'stale_context', 'staleness must be told first')
      const held = await a.commit([
        update('items', missing, { rank: 1 }),
        update('items', one.id, { rank: 1 }, { ...stale, onStale: 'notify' }),
      ])
      expect.error(held, 'entity_not_found', 'a missing row must fail the commit, whatever is held back')
    },
  },
  {
    id: 'STALE-25',
    must: "A row MUST have one history, whatever model it is written through: another model's change has its stamp, makes a decision stale, and meets a `merge` in the fields that both show.",
    models: ['books', 'covers'],
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'books', { title: 'one', pages: 1 })
      const seen = await a.load('covers', one.id)
      expect.equal(
        [seen.row?.heading, seen.stamp],
        ['one', one.stamp],
        'both models must show one row with one stamp',
      )
      const judged = { readAt: one.stamp }
      const written = await a.commit(update('covers', one.id, { heading: 'two' }, judged))
      const list = await a.list('books', { where: [['id', '=', one.id]] })
      expect.equal(
        [list.rows[0]?.title, list.stamps[0]],
        ['two', written.lastStamp],
        'what one model wrote must be what the other one reads',
      )
      const stale = await a.commit(update('books', one.id, { pages: 2 }, judged))
      expect.error(stale, 'stale_context', 'a change through another model of the table must make stale')
      expect.equal(
        [stale.operations[0]?.changed, stale.operations[0]?.current?.title],
        [['title'], 'two'],
        'and be told in the words of the model that asked',
      )
      const merge = { ...judged, onStale: 'merge' }
      expect.error(
        await a.commit(update('books', one.id, { title: 'three' }, merge)),
        'stale_context',
        'a merge into a field that another model wrote must be refused',
      )
      const merged = await a.commit(update('books', one.id, { pages: 2 }, merge))
      expect.equal(
        [merged.only.title, merged.only.pages],
        ['two', 2],
        'a merge beside what another model wrote must be applied',
      )
      const both = await a.commit([
        update('covers', one.id, { heading: 'four' }, { readAt: merged.lastStamp }),
        update('books', one.id, { pages: 4 }, { readAt: merged.lastStamp }),
        act('DELETE', 'covers', one.id),
      ])
      expect.equal(
        both.rows.map((row) => row?.title ?? row?.heading),
        ['four', 'four', 'four'],
        'operations of one commit must see each other through both models',
      )
      expect.error(
        await a.commit(update('books', one.id, { pages: 5 }, judged)),
        'stale_context',
        'a row that another model deleted must be stale, not missing',
      )
    },
  },
])
