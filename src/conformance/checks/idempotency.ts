import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { make } from './steps.ts'

/** Once per key, and the same answer for ever. */
export const idempotencyChecks = checks('core', [
  {
    id: 'IDEM-01',
    must: 'The same commit under the same key MUST be answered with the original bytes.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      const operation = create('items', one, { title: 'once' })
      const first = (await a.commit(operation, { key: used })).ok()
      const second = await a.commit(operation, { key: used })
      expect.same(second.text, first.text, 'a replay must give the original bytes')
    },
  },
  {
    id: 'IDEM-02',
    must: 'A replay MUST change nothing, also when the row has changed since.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      await a.commit(create('items', one, { title: 'first', rank: 0 }))
      const operation = update('items', one, { title: 'second' })
      const original = (await a.commit(operation, { key: used })).ok()
      const third = await a.commit(update('items', one, { title: 'third' }))
      const replay = await a.commit(operation, { key: used })
      expect.same(
        replay.text,
        original.text,
        'a replay must give the original answer, not the row as it is now',
      )
      const now = await a.load('items', one)
      expect.equal(
        [now.row?.title, now.stamp],
        ['third', third.lastStamp],
        'a replay must not apply anything again',
      )
      expect.equal((await a.eventsOf('items', one)).length, 3, 'a replay must leave no event')
    },
  },
  {
    id: 'IDEM-03',
    must: 'The same key with other operations MUST be refused as `idempotency_conflict` and apply nothing.',
    async run({ a, id, key, expect }) {
      const [one, two, used] = [id(), id(), key()]
      await a.commit(create('items', one, { title: 'one' }), { key: used })
      const answer = await a.commit(create('items', two, { title: 'two' }), { key: used })
      expect.error(answer, 'idempotency_conflict', 'another intent under a used key must be a conflict')
      expect.equal((await a.load('items', two)).row, null, 'a conflict must apply nothing')
    },
  },
  {
    id: 'IDEM-04',
    must: 'Any difference in what is asked for MUST make another intent: a value, readAt, onStale, the order of operations.',
    async run({ a, id, key, expect }) {
      const [one, two, used] = [id(), id(), key()]
      await a.commit([create('items', one, { title: 'one' }), create('items', two, { title: 'two' })])
      const operations = [
        update('items', one, { rank: 1 }, { readAt: 1, onStale: 'overwrite' }),
        update('items', two, { rank: 2 }),
      ] as const
      const original = (await a.commit(operations, { key: used })).ok()
      const [first, second] = operations
      const others = [
        [update('items', one, { rank: 2 }, { readAt: 1, onStale: 'overwrite' }), second],
        [update('items', one, { rank: 1 }, { readAt: 2, onStale: 'overwrite' }), second],
        [update('items', one, { rank: 1 }, { readAt: 1, onStale: 'notify' }), second],
        [second, first],
        [first],
        [first, second, second],
      ]
      for (const other of others) {
        const answer = await a.commit(other, { key: used })
        expect.error(
          answer,
          'idempotency_conflict',
          'a commit that asks for something else must be a conflict',
        )
      }
      expect.same(
        (await a.commit(operations, { key: used })).text,
        original.text,
        'conflicts must not disturb the entry',
      )
    },
  },
  {
    id: 'IDEM-05',
    must: "The caller's intentHash MUST NOT be trusted alone: the same hash with other operations is a conflict.",
    async run({ a, id, key, expect }) {
      const [one, two, used] = [id(), id(), key()]
      await a.commit(create('items', one, { title: 'one' }), { key: used, intentHash: 'same' })
      const answer = await a.commit(create('items', two, { title: 'two' }), { key: used, intentHash: 'same' })
      expect.error(answer, 'idempotency_conflict', "the caller's hash alone must not make a replay")
      expect.equal((await a.load('items', two)).row, null, 'a conflict must apply nothing')
    },
  },
  {
    id: 'IDEM-06',
    must: 'The same operations with another intentHash MUST be a conflict; a hash that is sent once only compares with nothing.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      const operation = create('items', one, { title: 'one' })
      const first = (await a.commit(operation, { key: used, intentHash: 'one' })).ok()
      const other = await a.commit(operation, { key: used, intentHash: 'two' })
      expect.error(other, 'idempotency_conflict', 'another hash of the caller must be a conflict')
      const without = await a.commit(operation, { key: used })
      expect.same(without.text, first.text, 'without a hash the operations alone must decide')
    },
  },
  {
    id: 'IDEM-07',
    must: 'A key MUST belong to its tenant: two tenants may use the same one.',
    async run({ a, b, id, key, expect }) {
      const [one, two, used] = [id(), id(), key()]
      ;(await a.commit(create('items', one, { title: 'of a' }), { key: used })).ok()
      const answer = await b.commit(create('items', two, { title: 'of b' }), { key: used })
      expect.equal(answer.code, undefined, "another tenant's use of a key must be no conflict")
      expect.equal(answer.only.title, 'of b', "another tenant's answer must never be replayed")
      expect.equal((await b.load('items', two)).row?.title, 'of b', 'both commits must have been applied')
    },
  },
  {
    id: 'IDEM-08',
    must: 'A refused commit MUST burn nothing: the same commit under the same key is applied once it can be.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      const operation = update('items', one, { title: 'second' })
      expect.error(await a.commit(operation, { key: used }), 'entity_not_found', 'there is no row yet')
      await a.commit(create('items', one, { title: 'first' }))
      const answer = await a.commit(operation, { key: used })
      expect.equal(answer.code, undefined, 'a key whose commit was refused must still be free')
      expect.equal((await a.load('items', one)).row?.title, 'second', 'the commit must have been applied')
    },
  },
  {
    id: 'IDEM-09',
    must: 'The key of a refused commit MUST be free for another intent as well.',
    async run(context) {
      const { a, id, key, expect } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'present' })
      expect.error(
        await a.commit(create('items', one.id, { title: 'twice' }), { key: used }),
        'unique_violation',
        'the store must refuse the second row',
      )
      const two = id()
      const answer = await a.commit(create('items', two, { title: 'two' }), { key: used })
      expect.equal(answer.code, undefined, 'the key of a refused commit must be free for another intent')
    },
  },
  {
    id: 'IDEM-10',
    must: 'A stale commit MUST burn nothing.',
    async run(context) {
      const { a, key, expect } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'one' })
      const now = await a.commit(update('items', one.id, { title: 'two' }))
      const stale = update('items', one.id, { title: 'three' }, { readAt: one.stamp })
      expect.error(await a.commit(stale, { key: used }), 'stale_context', 'it was decided on an old state')
      const fresh = update('items', one.id, { title: 'three' }, { readAt: now.lastStamp })
      const answer = await a.commit(fresh, { key: used })
      expect.equal(answer.code, undefined, 'the key of a stale commit must still be free')
    },
  },
  {
    id: 'IDEM-11',
    must: 'A replay MUST hold when the rows are gone.',
    async run({ a, id, key, expect }) {
      const [one, used] = [id(), key()]
      const operation = create('items', one, { title: 'one' })
      const first = (await a.commit(operation, { key: used })).ok()
      ;(await a.commit(act('DELETE', 'items', one))).ok()
      const replay = await a.commit(operation, { key: used })
      expect.same(replay.text, first.text, 'a replay must not look at the rows')
      expect.equal((await a.load('items', one)).row, null, 'a replay must not bring a deleted row back')
    },
  },
  {
    id: 'IDEM-12',
    must: 'A replay MUST keep the bytes of every value: digits, spaces and the order of members.',
    models: ['values'],
    async run({ a, id, key, expect }) {
      const used = key()
      const operation = create('values', id(), {
        big: '9007199254740993',
        exact: '123456789012345678901234567890.1234567890',
        doc: { z: 1, a: [1.5, { b: null, a: 'x y' }], 10: 'ten', 9: 'nine' },
        tags: ['a "b"', '\\', 'é'],
        ratio: 1e21,
      })
      const first = (await a.commit(operation, { key: used })).ok()
      const second = await a.commit(operation, { key: used })
      expect.same(
        second.text,
        first.text,
        'a replay must give the original bytes, not a second serialisation',
      )
    },
  },
  {
    id: 'IDEM-13',
    must: 'The key MUST be taken from correlationId or clientTxId, and both be equal where both are sent.',
    async run({ a, id, key, expect }) {
      const used = key()
      const operations = [create('items', id(), { title: 'one' })]
      const first = (await a.send({ type: 'commit', clientTxId: used, operations })).ok()
      const second = await a.send({ type: 'commit', correlationId: used, operations })
      expect.same(second.text, first.text, 'one key under either name must be the same key')
      const both = await a.send({ type: 'commit', correlationId: used, clientTxId: used, operations })
      expect.same(both.text, first.text, 'both names with one key must be taken')
      const unequal = await a.send({ type: 'commit', correlationId: used, clientTxId: key(), operations })
      expect.error(unequal, 'source_commit_invalid', 'two different keys must be refused')
    },
  },
  {
    id: 'IDEM-14',
    must: 'A commit without a key, or with one that is not 1 to 255 printable ASCII characters, MUST be refused.',
    async run({ a, id, expect }) {
      const operations = [create('items', id(), { title: 'one' })]
      const without = await a.send({ type: 'commit', operations })
      expect.error(without, 'source_commit_requires_correlation_id', 'a commit needs its key')
      for (const key of ['', 'x'.repeat(256), 'tab\there', 'é', '\u007f', '😀']) {
        const answer = await a.send({ type: 'commit', correlationId: key, operations })
        expect.error(
          answer,
          'source_commit_invalid',
          `the key ${JSON.stringify(key).slice(0, 20)} must be refused`,
        )
      }
      const longest = `${id()}${'~'.repeat(255)}`.slice(0, 255)
      expect.equal(
        (await a.commit(operations, { key: longest })).code,
        undefined,
        'the longest key must be taken',
      )
    },
  },
  {
    id: 'IDEM-15',
    must: 'The same intent in another spelling MUST be a replay: order of members, null for absent, aliases of onStale.',
    async run(context) {
      const { a, key, expect } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'one' })
      const stamps = { readAt: one.stamp }
      const first = await a.commit(
        update('items', one.id, { title: 'two', rank: 1 }, { ...stamps, onStale: 'overwrite' }),
        {
          key: used,
        },
      )
      const input = { rank: 1, title: 'two' }
      const spelled = {
        onStale: 'force',
        ...stamps,
        input,
        id: one.id,
        model: 'items',
        type: 'UPDATE',
        transactionId: null,
      }
      const second = await a.send({
        operations: [spelled],
        intentHash: null,
        correlationId: used,
        type: 'commit',
      })
      expect.same(second.text, first.ok().text, 'another spelling of the same intent must be a replay')
    },
  },
  {
    id: 'IDEM-16',
    must: 'A commit that holds back an operation MUST be recorded, and its notification replayed.',
    async run(context) {
      const { a, key, expect } = context
      const used = key()
      const one = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', one.id, { title: 'two' }))
      const held = update('items', one.id, { title: 'three' }, { readAt: one.stamp, onStale: 'notify' })
      const first = (await a.commit(held, { key: used })).ok()
      const second = await a.commit(held, { key: used })
      expect.same(second.text, first.text, 'a notification must be replayed as it was')
    },
  },
  {
    id: 'IDEM-17',
    must: 'The ledger MUST hold exactly one entry for a commit that was applied.',
    needs: ['ledger'],
    async run({ a, id, key, expect, probe }) {
      const used = key()
      const operation = create('items', id(), { title: 'one' })
      await a.commit(operation, { key: used })
      await a.commit(operation, { key: used })
      const keys = await probe.ledger(a.tenant as string)
      expect.equal(keys, [used], 'the ledger must hold the key once')
    },
  },
  {
    id: 'IDEM-18',
    must: 'A key past the retention of the ledger MUST be refused as `idempotency_key_expired`, and apply nothing again.',
    needs: ['expire'],
    async run({ a, id, key, expect, probe }) {
      const [one, used] = [id(), key()]
      await a.commit(create('items', one, { title: 'one', rank: 1 }))
      const operation = update('items', one, { rank: 2 })
      ;(await a.commit(operation, { key: used })).ok()
      await a.commit(update('items', one, { rank: 3 }))
      await probe.expire(a.tenant as string, used)
      const answer = await a.commit(operation, { key: used })
      expect.error(
        answer,
        'idempotency_key_expired',
        'an expired key must be refused while its entry is there',
      )
      expect.equal((await a.load('items', one)).row?.rank, 3, 'an expired key must apply nothing again')
    },
  },
])
