import type { Answer } from '../answer.ts'
import { checks } from '../check.ts'
import { act, create, type SentOperation, update } from '../source.ts'
import { insist, tally, WAYS, warm } from './crowd.ts'
import { make, makeAll, settle, together } from './steps.ts'

/** Many callers at once, on connections that are open already. */
export const concurrencyChecks = checks('concurrency', [
  {
    id: 'RACE-01',
    must: 'Of 32 twins of one commit exactly one MUST be applied, and all be answered with the same bytes.',
    async run(context) {
      const { a, id, key, expect } = context
      await warm(context)
      for (let round = 0; round < 4; round++) {
        const [one, used] = [id(), key()]
        const answers = await together(WAYS, () =>
          a.commit(create('items', one, { title: 'once' }), { key: used }),
        )
        expect.equal(tally(answers), { 200: WAYS }, 'every twin must be answered, none refused')
        expect.equal(new Set(answers.map(({ text }) => text)).size, 1, 'all twins must get the same bytes')
        expect.equal((await a.eventsOf('items', one)).length, 1, 'the commit must be applied once')
      }
    },
  },
  {
    id: 'RACE-02',
    must: 'Of 32 different commits under one key exactly one MUST be applied, and the others be conflicts.',
    async run(context) {
      const { a, id, key, expect } = context
      await warm(context)
      for (let round = 0; round < 2; round++) {
        const used = key()
        const ids = Array.from({ length: WAYS }, () => id())
        const answers = await together(WAYS, (at) =>
          a.commit(create('items', ids[at], { title: 'x' }), { key: used }),
        )
        expect.equal(tally(answers), { 200: 1, '409 idempotency_conflict': WAYS - 1 }, 'one intent must win')
        const { rows } = await a.list('items', { where: [['id', 'IN', ids]] })
        expect.equal(rows.length, 1, 'only the winner may be applied')
      }
    },
  },
  {
    id: 'RACE-03',
    must: 'Of 32 writers that decided on the same state exactly one MUST be accepted, and the others be stale.',
    async run(context) {
      const { a, expect } = context
      await warm(context)
      for (let round = 0; round < 4; round++) {
        const one = await make(context, a, 'items', { title: 'x', rank: -1 })
        const answers = await together(WAYS, (rank) =>
          a.commit(update('items', one.id, { rank }, { readAt: one.stamp })),
        )
        expect.equal(
          tally(answers),
          { 200: 1, '409 stale_context': WAYS - 1 },
          'exactly one decision may be accepted',
        )
        const winner = answers.find(({ code }) => code === undefined)
        expect.equal((await a.load('items', one.id)).row, winner?.only, 'and its values must stand')
      }
    },
  },
  {
    id: 'RACE-05',
    must: 'Of two writers that decided on the same state exactly one MUST be accepted, wherever the first of them is held.',
    models: ['items', 'gated'],
    needs: ['points'],
    async run(context) {
      const { a, expect, probe } = context
      await warm(context)
      for (const point of await probe.points()) {
        const one = await make(context, a, 'gated', { title: 'x', value: 0 })
        const release = await point.hold(one.id)
        const commits: Promise<Answer>[] = []
        for (const value of [1, 2, 3]) {
          commits.push(a.commit(update('gated', one.id, { value }, { readAt: one.stamp })))
          await settle(20)
        }
        await release()
        const answers = await Promise.all(commits)
        const expected = { 200: 1, '409 stale_context': 2 }
        expect.equal(
          tally(answers),
          expected,
          `held at "${point.name}": exactly one decision may be accepted`,
        )
        const winner = answers.find(({ code }) => code === undefined)
        expect.equal(
          (await a.load('gated', one.id)).row,
          winner?.only,
          `held at "${point.name}": its values must stand`,
        )
      }
    },
  },
  {
    id: 'RACE-06',
    must: 'Twins of one commit MUST be applied once, wherever the first of them is held.',
    models: ['items', 'gated'],
    needs: ['points'],
    async run(context) {
      const { a, key, expect, probe } = context
      await warm(context)
      for (const point of await probe.points()) {
        const used = key()
        const one = await make(context, a, 'gated', { title: 'x', value: 0 })
        const release = await point.hold(one.id)
        const commits: Promise<Answer>[] = []
        for (let twin = 0; twin < 3; twin++) {
          commits.push(a.commit(update('gated', one.id, { value: 7 }), { key: used }))
          await settle(20)
        }
        await release()
        const answers = await Promise.all(commits)
        expect.equal(tally(answers), { 200: 3 }, `held at "${point.name}": every twin must be answered`)
        expect.equal(
          new Set(answers.map(({ text }) => text)).size,
          1,
          `held at "${point.name}": with the same bytes`,
        )
        const events = await a.eventsOf('gated', one.id)
        expect.equal(events.length, 2, `held at "${point.name}": the commit must be applied once`)
      }
    },
  },
  {
    id: 'RACE-08',
    must: 'Commits that cross each other on the same rows MUST all be applied: no deadlock reaches a caller.',
    async run(context) {
      const { a, expect, random } = context
      await warm(context)
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 6 }, () => ({ title: 'x', rank: 0 })),
      )
      const answers = await together(WAYS * 2, (rank) =>
        insist(
          context,
          a,
          random
            .shuffled(ids)
            .slice(0, 4)
            .map((one) => update('items', one, { rank })),
        ),
      )
      expect.equal(tally(answers), { 200: WAYS * 2 }, 'every commit must be applied')
    },
  },
  {
    id: 'RACE-09',
    must: 'Crossing commits on several models, with creates and deletes among them, MUST end in an answer, never in an error of the store.',
    models: ['items', 'parts'],
    async run(context) {
      const { a, id, expect, random } = context
      await warm(context)
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 4 }, () => ({ title: 'x' })),
      )
      const answers = await together(WAYS, (at) => {
        const [first = '', second = ''] = random.shuffled(ids)
        const operations = [
          create('parts', id(), { itemId: first, name: 'child' }),
          update('items', second, { rank: at }),
          at % 8 === 0 ? act('DELETE', 'items', first) : update('items', first, { rank: at }),
        ]
        return insist(context, a, random.shuffled(operations))
      })
      const allowed = ['200', '404 entity_not_found', '409 foreign_key_violation']
      const found = Object.keys(tally(answers))
      expect.that(
        found.every((one) => allowed.includes(one)),
        'a commit must be applied, or refused because its row has gone',
        {
          expected: allowed,
          received: tally(answers),
        },
      )
    },
  },
  {
    id: 'RACE-11',
    must: 'Of 32 creates of one id, and of 32 deletes of one row, exactly one MUST be applied.',
    async run(context) {
      const { a, id, expect } = context
      await warm(context)
      const one = id()
      const created = await together(WAYS, () => a.commit(create('items', one, { title: 'x' })))
      expect.equal(tally(created), { 200: 1, '409 unique_violation': WAYS - 1 }, 'one create must win')
      const deleted = await together(WAYS, () => a.commit(act('DELETE', 'items', one)))
      expect.equal(tally(deleted), { 200: 1, '404 entity_not_found': WAYS - 1 }, 'one delete must win')
      const types = (await a.eventsOf('items', one)).map(({ type }) => type)
      expect.equal(types, ['CREATE', 'DELETE'], 'and each leave its one event')
    },
  },
  {
    id: 'RACE-12',
    must: 'Merges into different fields of one row MUST all be kept, though they come at once.',
    async run(context) {
      const { a, expect } = context
      await warm(context)
      for (let round = 0; round < 8; round++) {
        const one = await make(context, a, 'items', { title: 'x', rank: 0, body: 'x', status: 'todo' })
        const inputs = [{ title: 'merged' }, { rank: 7 }, { body: 'merged' }, { status: 'done' }]
        const merge = { readAt: one.stamp, onStale: 'merge' }
        const answers = await together(inputs.length, (at) =>
          a.commit(update('items', one.id, inputs[at] as Record<string, unknown>, merge)),
        )
        expect.equal(tally(answers), { 200: inputs.length }, 'fields that do not meet must be merged')
        const { row } = await a.load('items', one.id)
        expect.equal(
          [row?.title, row?.rank, row?.body, row?.status],
          ['merged', 7, 'merged', 'done'],
          'every merge must be kept',
        )
      }
    },
  },
  {
    id: 'RACE-16',
    must: 'Callers whose commits fail at once MUST NOT disturb those whose commits succeed.',
    async run(context) {
      const { a, id, expect, random } = context
      await warm(context)
      const one = await make(context, a, 'items', { title: 'present' })
      const kinds = [
        () => [create('items', one.id, { title: 'twice' })],
        () => [update('items', id(), { title: 'missing' })],
        () => [update('items', one.id, { title: 'stale' }, { readAt: 0 })],
      ]
      const answers = await together(WAYS * 2, (at) =>
        a.commit(at % 2 ? create('items', id(), { title: 'good' }) : random.pick(kinds)()),
      )
      const good = answers.filter((_, at) => at % 2)
      expect.equal(tally(good), { 200: WAYS }, 'a proper commit must succeed, whatever its neighbours do')
    },
  },
  {
    id: 'RACE-17',
    must: 'The row that a stale caller is told MUST be the row at the stamp that it is told, while others write it.',
    async run(context) {
      const { a, id, expect } = context
      await warm(context)
      const one = await make(context, a, 'items', { title: 'x', rank: 0 })
      const written = new Map([[one.stamp, one.row]])
      const late = [
        () => [update('items', one.id, { title: 'late' }, { readAt: 0 })],
        () => [create('items', one.id, { title: 'late' }, { readAt: 0 })],
        () => [
          update('items', one.id, { title: 'late' }, { readAt: 0 }),
          create('items', id(), { title: 'x' }),
        ],
      ]
      for (let round = 0; round < 8; round++) {
        const writers = together(4, async (rank) => {
          const answer = await a.commit(update('items', one.id, { rank }))
          written.set(answer.lastStamp, answer.only)
        })
        const refusals = await together(WAYS, (at) =>
          a.commit((late[at % late.length] as () => SentOperation[])()),
        )
        await writers
        for (const refusal of refusals) {
          expect.error(refusal, 'stale_context', 'a decision on an old state must be refused')
          const [told] = refusal.operations
          expect.equal(
            told?.current,
            written.get(Number(told?.stamp)),
            'the row and its stamp must be of one state',
          )
        }
      }
    },
  },
])
