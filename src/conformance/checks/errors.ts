import type { Answer } from '../answer.ts'
import type { CheckContext } from '../check.ts'
import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { make, settle, together } from './steps.ts'

/** The operation must be named; the constraint, as far as the store tells it, by a name that has `part` in it. */
function names({ expect }: CheckContext, answer: Answer, index: number, part: string): void {
  const { constraint } = answer.details
  expect.equal(
    [answer.details.index, answer.details.model],
    [index, 'rules'],
    'the details must name the operation',
  )
  expect.that(
    constraint === undefined || String(constraint).includes(part),
    'the details must name the constraint that objected, or none',
    { expected: `a name with ${part} in it`, received: constraint },
  )
}

/** How the store's objections and troubles are told. */
export const errorChecks = checks('errors', [
  {
    id: 'ERROR-01',
    must: "A unique constraint's refusal MUST be `unique_violation`, 409, and SHOULD name operation and constraint.",
    models: ['rules'],
    needs: ['constraint:unique'],
    async run(context) {
      const { a, id, expect } = context
      const code = id()
      ;(await a.commit(create('rules', id(), { owner: 'o', code }))).ok()
      const answer = await a.commit([
        create('rules', id(), { owner: 'o' }),
        create('rules', id(), { owner: 'o', code }),
      ])
      expect.error(answer, 'unique_violation', 'a value that another row has must be refused')
      expect.equal(answer.status, 409, 'and with 409')
      names(context, answer, 1, 'code')
    },
  },
  {
    id: 'ERROR-02',
    must: 'A reference to a missing row MUST be `foreign_key_violation`, 409.',
    models: ['rules'],
    needs: ['constraint:foreignKey'],
    async run(context) {
      const { a, id, expect } = context
      const answer = await a.commit(create('rules', id(), { owner: 'o', sharedId: id() }))
      expect.error(answer, 'foreign_key_violation', 'a reference to nothing must be refused')
      expect.equal(answer.status, 409, 'and with 409')
      names(context, answer, 0, 'shared_id')
    },
  },
  {
    id: 'ERROR-03',
    must: 'A delete of a row that is still referred to MUST be `foreign_key_violation`, and the row stay.',
    models: ['rules', 'shared'],
    needs: ['constraint:foreignKey'],
    async run(context) {
      const { a, id, expect } = context
      const group = await make(context, a, 'shared', { name: 'group' })
      ;(await a.commit(create('rules', id(), { owner: 'o', sharedId: group.id }))).ok()
      const answer = await a.commit(act('DELETE', 'shared', group.id))
      expect.error(answer, 'foreign_key_violation', 'a row that is referred to must not be deleted')
      expect.equal((await a.load('shared', group.id)).row, group.row, 'the row must stay')
    },
  },
  {
    id: 'ERROR-04',
    must: 'A missing value that the database requires MUST be `not_null_violation`, 400, naming the field.',
    models: ['rules'],
    needs: ['constraint:notNull'],
    async run({ a, id, expect }) {
      const answer = await a.commit(create('rules', id(), { code: id() }))
      expect.error(answer, 'not_null_violation', 'a value that the database requires must be sent')
      expect.equal(
        [answer.status, answer.details.field],
        [400, 'owner'],
        'and the field be named as the schema does',
      )
    },
  },
  {
    id: 'ERROR-05',
    must: 'A value that a check constraint refuses MUST be `check_violation`, 400.',
    models: ['rules'],
    needs: ['constraint:check'],
    async run(context) {
      const { a, id, expect } = context
      const answer = await a.commit(create('rules', id(), { owner: 'o', size: -1 }))
      expect.error(answer, 'check_violation', 'a value that a constraint refuses must be refused')
      expect.equal(answer.status, 400, 'and with 400')
      names(context, answer, 0, 'size')
    },
  },
  {
    id: 'ERROR-06',
    must: 'Any other rule of the database, for example an exclusion constraint, MUST be `constraint_violation`, 400.',
    models: ['rules'],
    needs: ['constraint:exclusion'],
    async run({ a, id, expect, random }) {
      const slot = random.below(2 ** 31)
      await a.commit(create('rules', id(), { owner: 'o', slot }))
      const answer = await a.commit(create('rules', id(), { owner: 'o', slot }))
      expect.error(answer, 'constraint_violation', 'an excluded value must be refused')
      expect.equal(answer.status, 400, 'and with 400')
    },
  },
  {
    id: 'ERROR-07',
    must: 'A refusal MUST NOT tell values of rows, SQL or a stack.',
    models: ['rules', 'values'],
    needs: ['constraint:unique'],
    async run({ a, id, expect }) {
      const [code, owner] = [`code-${id()}`, `owner-${id()}`]
      await a.commit(create('rules', id(), { owner, code }))
      const answers = [
        await a.commit(create('rules', id(), { owner, code })),
        await a.commit(create('rules', id(), { owner, size: -1, code: id() })),
        await a.commit(create('rules', id(), { code: id(), sharedId: 'x' })),
        await a.commit(create('values', id(), { price: '99999999999999999999999.5', text: owner })),
      ]
      for (const { text } of answers.filter(({ code: refusal }) => refusal !== undefined)) {
        expect.that(!text.includes(owner) && !text.includes(code), 'a refusal must not quote the row', {
          received: text,
        })
        expect.that(
          !/select |insert |update .* set |\bat \w+.*:\d+:\d+/i.test(text),
          'a refusal must not quote SQL or code',
          {
            received: text,
          },
        )
      }
    },
  },
  {
    id: 'ERROR-08',
    must: 'The endpoint MUST go on answering after any number of refusals.',
    models: ['items'],
    async run(context) {
      const { a, id, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      for (let round = 0; round < 4; round++) {
        await together(16, async () => {
          const answer = await a.commit([
            update('items', one.id, { rank: round }),
            create('items', one.id, { title: 'x' }),
          ])
          expect.error(answer, 'unique_violation', 'a create over a present row must be refused')
        })
      }
      const last = await a.commit(create('items', id(), { title: 'still here' }))
      expect.equal(last.code, undefined, 'refusals must not wear the endpoint out')
    },
  },
  {
    id: 'ERROR-09',
    must: 'A deadlock with a transaction from elsewhere MUST be retried inside, and not surface.',
    needs: ['stranger'],
    async run(context) {
      const { a, expect, probe } = context
      const first = await make(context, a, 'items', { title: 'one' })
      const second = await make(context, a, 'items', { title: 'two' })
      const stranger = await probe.stranger()
      await stranger.lock('items', second.id)
      const commit = a.commit([
        update('items', first.id, { rank: 1 }),
        update('items', second.id, { rank: 1 }),
      ])
      await settle()
      // one of the two is chosen as the victim: the stranger may lose, the commit must try again
      await stranger.lock('items', first.id).catch(() => {})
      await stranger.rollback()
      const answer = await commit
      expect.equal(answer.summary, '200', 'a deadlock must not reach the caller')
      expect.equal(
        answer.rows.map((row) => row?.rank),
        [1, 1],
        'and the commit be applied once, whole',
      )
    },
  },
  {
    id: 'ERROR-10',
    must: 'A serialization failure against a transaction from elsewhere MUST be retried inside, and its changes be kept.',
    needs: ['stranger'],
    async run(context) {
      const { a, expect, probe } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const stranger = await probe.stranger()
      await stranger.write('items', one.id, { body: 'from elsewhere' })
      const commit = a.commit(update('items', one.id, { rank: 1 }))
      await settle()
      await stranger.commit()
      const answer = await commit
      expect.equal(answer.summary, '200', 'a serialization failure must not reach the caller')
      expect.equal(
        [answer.only.rank, answer.only.body],
        [1, 'from elsewhere'],
        'what the other transaction wrote must be kept',
      )
    },
  },
  {
    id: 'ERROR-11',
    must: 'A lock that is not given in time MUST end as a retryable 503 with Retry-After, and burn nothing.',
    needs: ['stranger'],
    slow: true,
    async run(context) {
      const { a, key, expect, probe } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'one' })
      const stranger = await probe.stranger()
      await stranger.lock('items', one.id)
      const operation = update('items', one.id, { rank: 1 })
      const answer = await a.commit(operation, { key: used })
      await stranger.rollback()
      expect.error(answer, 'source_busy', 'a commit must not wait for ever')
      const wait = Number(answer.headers.get('retry-after'))
      expect.that(
        answer.status === 503 && answer.body.retryable === true && wait > 0,
        'and the answer say when to come again',
        {
          expected: '503, retryable, Retry-After',
          received: [answer.status, answer.body.retryable, answer.headers.get('retry-after')],
        },
      )
      expect.equal(
        (await a.commit(operation, { key: used })).summary,
        '200',
        'the same key must be free then',
      )
    },
  },
])
