import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { make, makeAll } from './steps.ts'

/** All or nothing, in the order given, and answered exactly. */
export const commitChecks = checks('core', [
  {
    id: 'COMMIT-01',
    must: 'A commit MUST answer one row and one stamp for each operation, in the order given.',
    async run({ a, id, expect }) {
      const ids = [id(), id(), id()].reverse()
      const answer = await a.commit(ids.map((one, at) => create('items', one, { title: `row ${at}` })))
      const found = answer.rows.map((row) => [row?.id, row?.title])
      expect.equal(
        found,
        ids.map((one, at) => [one, `row ${at}`]),
        'rows must stand in the order of the operations',
      )
      const [first = 0, second = 0, third = 0] = answer.stamps
      expect.that(
        answer.stamps.length === 3 &&
          answer.stamps.every((stamp) => Number.isSafeInteger(stamp) && stamp > 0),
        'each applied operation must have its stamp, a whole number above 0',
        { expected: 'three stamps', received: answer.stamps },
      )
      expect.that(first < second && second < third, 'stamps must rise in the order of the operations', {
        received: answer.stamps,
      })
    },
  },
  {
    id: 'COMMIT-02',
    must: 'A load after a commit MUST give the row and the stamp that the commit answered.',
    async run({ a, id, expect }) {
      const [one, two] = [id(), id()]
      const answer = await a.commit([
        create('items', one, { title: 'one', status: 'doing', rank: 7, body: 'text' }),
        create('items', two, { title: 'two' }),
      ])
      for (const [at, row] of answer.rows.entries()) {
        const loaded = await a.load('items', row?.id as string)
        expect.equal(loaded.row, row, 'a load must give the row as the commit answered it')
        expect.equal(loaded.stamp, answer.stamps[at], 'a load must give the stamp that the commit answered')
      }
    },
  },
  {
    id: 'COMMIT-03',
    must: 'The store MUST hold what a commit answered, and leave other rows of the model alone.',
    needs: ['row'],
    async run({ a, id, expect, probe }) {
      const [one, two, bystander] = [id(), id(), id()]
      await a.commit(create('items', bystander, { title: 'bystander', rank: 1 }))
      await a.commit([
        create('items', one, { title: 'one', rank: 5 }),
        create('items', two, { title: 'two' }),
      ])
      await a.commit([update('items', one, { title: 'one again' }), act('DELETE', 'items', two)])
      const stored = await probe.row('items', one)
      expect.that(stored !== null, 'the store must hold a row that a commit answered', { received: stored })
      expect.equal(
        [stored?.title, stored?.rank],
        ['one again', '5'],
        'the store must hold the values that were answered',
      )
      expect.equal(await probe.row('items', two), null, 'a deleted row must be gone from the store')
      const other = await probe.row('items', bystander)
      expect.equal(
        [other?.title, other?.rank],
        ['bystander', '1'],
        'a row that no operation names must stay as it is',
      )
    },
  },
  {
    id: 'COMMIT-04',
    must: 'A commit with an operation on a missing row MUST leave nothing behind of the others.',
    async run({ a, id, expect }) {
      const [made, present] = [id(), id()]
      await a.commit(create('items', present, { title: 'before' }))
      const answer = await a.commit([
        create('items', made, { title: 'half' }),
        update('items', present, { title: 'after' }),
        update('items', id(), { title: 'nobody' }),
      ])
      expect.error(answer, 'entity_not_found', 'a commit on a missing row must be refused')
      expect.equal((await a.load('items', made)).row, null, 'a create of a refused commit must leave no row')
      const { row } = await a.load('items', present)
      expect.equal(row?.title, 'before', 'an update of a refused commit must leave the row as it was')
      expect.equal(await a.eventsOf('items', made), [], 'a refused commit must leave no event')
    },
  },
  {
    id: 'COMMIT-05',
    must: 'A commit whose last operation the store refuses MUST leave no row, no ledger entry and no event.',
    needs: ['row', 'ledger', 'outbox'],
    async run({ a, id, key, expect, probe }) {
      const [present, made, used] = [id(), id(), key()]
      await a.commit(create('items', present, { title: 'before' }))
      const answer = await a.commit(
        [
          create('items', made, { title: 'half' }),
          update('items', present, { title: 'after' }),
          create('items', present, { title: 'twice' }),
        ],
        { key: used },
      )
      expect.error(answer, 'unique_violation', 'a create over a present row must be refused')
      expect.equal(await probe.row('items', made), null, 'a refused commit must leave no row in the store')
      expect.equal(
        (await probe.row('items', present))?.title,
        'before',
        'a refused commit must change no row in the store',
      )
      const keys = await probe.ledger(a.tenant as string)
      expect.that(!keys.includes(used), 'a refused commit must leave no entry in the ledger', {
        received: keys,
      })
      const logged = (await probe.outbox(a.tenant as string)).map(({ type, entityId }) => [type, entityId])
      expect.equal(logged, [['CREATE', present]], 'a refused commit must leave no event in the log')
    },
  },
  {
    id: 'COMMIT-06',
    must: 'Operations on one row MUST apply in the order given, each answered with the row as it then was.',
    async run({ a, id, expect }) {
      const one = id()
      const answer = await a.commit([
        create('items', one, { title: 'first', rank: 1 }),
        update('items', one, { title: 'second' }),
        update('items', one, { rank: 3 }),
        act('ARCHIVE', 'items', one),
      ])
      const states = answer.rows.map((row) => [row?.title, row?.rank, row?.archivedAt === null])
      const expected = [
        ['first', 1, true],
        ['second', 1, true],
        ['second', 3, true],
        ['second', 3, false],
      ]
      expect.equal(states, expected, 'each operation must see what those before it did')
      const loaded = await a.load('items', one)
      expect.equal(loaded.row, answer.rows[3], 'the last operation on a row must win')
      expect.equal(loaded.stamp, answer.lastStamp, "the row's stamp must be that of its last operation")
    },
  },
  {
    id: 'COMMIT-07',
    must: 'A row MUST be able to come, go and come again within one commit.',
    async run({ a, id, expect }) {
      const one = id()
      const answer = await a.commit([
        create('items', one, { title: 'first' }),
        act('DELETE', 'items', one),
        create('items', one, { title: 'second' }),
      ])
      expect.equal(
        answer.rows.map((row) => row?.title),
        ['first', 'first', 'second'],
        'a delete must answer the row as it was, and the create after it the new one',
      )
      expect.equal((await a.load('items', one)).row?.title, 'second', 'the last create must stand')
      const types = (await a.eventsOf('items', one)).map(({ type }) => type)
      expect.equal(types, ['CREATE', 'DELETE', 'CREATE'], 'each of them must leave its event')
    },
  },
  {
    id: 'COMMIT-08',
    must: 'A create and its delete in one commit MUST leave no row.',
    async run({ a, id, expect }) {
      const one = id()
      ;(await a.commit([create('items', one, { title: 'brief' }), act('DELETE', 'items', one)])).ok()
      expect.equal((await a.load('items', one)).row, null, 'a row that was deleted last must be gone')
    },
  },
  {
    id: 'COMMIT-09',
    must: 'Operations on several models MUST apply as one commit, a parent and its child among them.',
    models: ['items', 'parts', 'shared'],
    async run({ a, id, expect }) {
      const [item, part, group] = [id(), id(), id()]
      const answer = await a.commit([
        create('shared', group, { name: 'group' }),
        create('items', item, { title: 'parent', sharedId: group }),
        create('parts', part, { itemId: item, name: 'child' }),
        update('items', item, { rank: 2 }),
      ])
      expect.equal(
        answer.rows.map((row) => row?.id),
        [group, item, part, item],
        'rows must stand in the order of the operations, whatever their model',
      )
      expect.equal((await a.load('parts', part)).row?.itemId, item, 'the child must stand')
      expect.equal((await a.load('items', item)).row?.rank, 2, 'the parent must stand')
    },
  },
  {
    id: 'COMMIT-10',
    must: 'A commit of 1,000 operations MUST apply as a whole.',
    async run({ a, id, expect }) {
      const ids = Array.from({ length: 500 }, () => id())
      const answer = await a.commit([
        ...ids.map((one, at) => create('items', one, { title: `row ${at}`, rank: at })),
        ...ids.map((one) => update('items', one, { status: 'done' })),
      ])
      expect.equal(answer.rows.length, 1000, 'there must be a row for each operation')
      const { rows } = await a.listAll('items', { where: [['status', 'done']], limit: 1000 })
      expect.equal(rows.length, 500, 'every operation must have been applied')
      expect.equal(new Set(answer.stamps).size, 1000, 'no two operations may share a stamp')
    },
  },
  {
    id: 'COMMIT-11',
    must: 'A commit of no operations, or of more than 1,000, MUST be refused.',
    async run({ a, id, expect }) {
      expect.error(await a.commit([]), 'source_commit_invalid', 'a commit of nothing must be refused')
      const many = Array.from({ length: 1001 }, () => create('items', id(), { title: 'x' }))
      expect.error(await a.commit(many), 'source_commit_invalid', 'a commit beyond the limit must be refused')
      expect.equal((await a.list('items')).rows, [], 'a refused commit must leave no row')
    },
  },
  {
    id: 'COMMIT-12',
    must: 'A row MUST have the fields of the schema, all of them and no others, in every answer.',
    async run({ a, id, expect }) {
      const one = id()
      const fields = [
        'archivedAt',
        'body',
        'id',
        'origin',
        'rank',
        'sharedId',
        'status',
        'title',
        'updatedAt',
      ]
      const committed = await a.commit(create('items', one, { title: 'whole' }))
      const named = (row: object | null | undefined): string[] => Object.keys(row ?? {}).sort()
      expect.equal(named(committed.only), fields, "a commit's row must have exactly the schema's fields")
      expect.equal(
        named((await a.load('items', one)).row),
        fields,
        "a loaded row must have exactly the schema's fields",
      )
      expect.equal(
        named((await a.list('items')).only),
        fields,
        "a listed row must have exactly the schema's fields",
      )
      const [event] = await a.eventsOf('items', one)
      expect.equal(named(event?.data), fields, "an event's row must have exactly the schema's fields")
    },
  },
  {
    id: 'COMMIT-13',
    must: 'The model of operations MAY be named once for the commit, and MUST then count for those without one.',
    async run({ a, id, expect }) {
      const one = id()
      const operation = { type: 'CREATE', id: one, input: { title: 'short form' } }
      const answer = await a.send({
        type: 'commit',
        correlationId: one,
        model: 'items',
        operations: [operation],
      })
      expect.equal(
        answer.only.title,
        'short form',
        "the commit's model must count for an operation without one",
      )
    },
  },
  {
    id: 'COMMIT-14',
    must: 'A commit over rows of one model in any order MUST touch exactly the rows that it names.',
    async run({ a, id, expect, random, ...rest }) {
      const ids = await makeAll(
        { id, ...rest },
        a,
        'items',
        Array.from({ length: 30 }, (_, rank) => ({ title: 'x', rank })),
      )
      const chosen = random.shuffled(ids).slice(0, 12)
      const answer = await a.commit(chosen.map((one, at) => update('items', one, { title: `new ${at}` })))
      expect.equal(
        answer.rows.map((row) => [row?.id, row?.title]),
        chosen.map((one, at) => [one, `new ${at}`]),
        'rows must stand in the order of the operations, not in that of the table',
      )
      const { rows } = await a.listAll('items', { where: [['title', 'x']] })
      const untouched = ids.filter((one) => !chosen.includes(one))
      expect.equal(
        rows.map((row) => row.id),
        untouched,
        'rows that no operation names must stay as they are',
      )
    },
  },
  {
    id: 'COMMIT-15',
    must: 'The stamp of a row MUST grow with each change of it, and not with changes of other rows.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      await make(context, a, 'items', { title: 'other' })
      expect.equal(
        (await a.load('items', one.id)).stamp,
        one.stamp,
        "another row's change must not move a row's stamp",
      )
      const changed = await a.commit(update('items', one.id, { title: 'one again' }))
      expect.that(changed.lastStamp > one.stamp, "a change must raise the row's stamp", {
        expected: `above ${one.stamp}`,
        received: changed.lastStamp,
      })
    },
  },
])
