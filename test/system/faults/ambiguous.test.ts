import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PosternError } from '../../../src/core/errors.ts'
import { freshKey, majors, refused, type WireOperation } from '../../support/postgres-source.ts'
import type { Place } from './proxy.ts'
import { entry, openThrough, type Through, tracesOf } from './through.ts'

const hooks = { beforeCommit() {}, afterCommit() {} }

/** The ways a commit travels: one function, another one, and a transaction with hooks around it. */
const shapes: readonly { name: string; through?: object; operations: (mark: string) => WireOperation[] }[] = [
  { name: 'one operation', operations: (mark) => [entry(mark)] },
  {
    name: 'several operations',
    operations: (mark) => [entry(mark), { ...entry('note'), input: { mark: 'also', note: mark } }],
  },
  { name: 'a transaction with hooks', through: { hooks }, operations: (mark) => [entry(mark)] },
]

/** The statement that applies the commit, and the one that makes it last. */
const applies = /entries_create|commit_/
const commits = /^commit$/

/** Sends the commit once more under its key, as a client does, and expects it to stand exactly once. */
async function settled(open: Through, key: string, operations: WireOperation[]): Promise<void> {
  const again = await open.commit(operations, { key })
  const found = await tracesOf(open.direct, key)
  expect(found).toMatchObject({ rows: 1, keys: 1, events: operations.length, body: again.body })
}

describe.each(majors)('Postgres %i: a connection lost around a commit', (major) => {
  describe.each(shapes)('of $name', ({ through, operations }) => {
    let open: Through
    beforeAll(async () => {
      open = await openThrough({ major, ...(through && { through }) })
    })
    afterAll(() => open[Symbol.asyncDispose]())
    // what makes the commit last: the statement itself, or COMMIT
    const lasting = through === undefined ? applies : commits

    test.each<Place>(['before', 'half sent'])(
      '%s: unknown is said, nothing happened, and the same key applies it once',
      async (place) => {
        const key = freshKey()
        const met = open.proxy.fault({ place, when: lasting })
        const error = await refused(open.commit(operations(key), { key }), 'commit_outcome_unknown')
        await met
        expect([error.status, error.retryable, error.retryAfter]).toEqual([503, true, 1])
        expect(await tracesOf(open.direct, key)).toMatchObject({ rows: 0, keys: 0, events: 0 })
        await settled(open, key, operations(key))
      },
    )

    test.each<Place>(['answered', 'half answered'])(
      '%s: the recorded answer is given, byte for byte',
      async (place) => {
        const key = freshKey()
        const met = open.proxy.fault({ place, when: lasting })
        const answer = await open.commit(operations(key), { key })
        await met
        const { body, ...counts } = await tracesOf(open.direct, key)
        expect(counts).toEqual({ rows: 1, keys: 1, events: operations(key).length })
        expect(answer.body).toBe(body)
        await settled(open, key, operations(key))
      },
    )

    test('arrived: either the recorded answer or unknown, and it stands once', async () => {
      for (let round = 0; round < 5; round += 1) {
        const key = freshKey()
        const met = open.proxy.fault({ place: 'arrived', when: lasting })
        const outcome = await open.commit(operations(key), { key }).catch((error: PosternError) => error.code)
        await met
        if (typeof outcome === 'object') expect(outcome.body).toBe((await tracesOf(open.direct, key)).body)
        else expect(outcome).toBe('commit_outcome_unknown')
        await settled(open, key, operations(key))
      }
    })

    test('lost again when the key is looked up: unknown, and the retry gets the first answer', async () => {
      const key = freshKey()
      const met = [
        open.proxy.fault({ place: 'answered', when: lasting }),
        open.proxy.fault({ place: 'before', when: /reserve\(/ }),
      ]
      await refused(open.commit(operations(key), { key }), 'commit_outcome_unknown')
      await Promise.all(met)
      const { body } = await tracesOf(open.direct, key)
      const again = await open.commit(operations(key), { key })
      expect([again.replayed, again.body]).toEqual([true, body])
      await settled(open, key, operations(key))
    })

    test('and refused for a while: unknown at once, and afterwards what was never sent is unavailable', async () => {
      const key = freshKey()
      const met = open.proxy.fault({ place: 'answered', when: lasting })
      await open.proxy.refuse()
      // a pool of idle connections could still carry the lookup
      const idle = open.pool.idleCount
      const outcome = await open.commit(operations(key), { key }).catch((error: PosternError) => error.code)
      await met
      if (idle <= 1) expect(outcome).toBe('commit_outcome_unknown')
      open.proxy.cut()
      const other = freshKey()
      await refused(open.commit(operations(other), { key: other }), 'source_unavailable')
      await open.proxy.accept()
      expect(await tracesOf(open.direct, other)).toMatchObject({ rows: 0, keys: 0 })
      await settled(open, other, operations(other))
      await settled(open, key, operations(key))
    })

    test('a line that stays silent is given up after the pool’s query_timeout, and the key tells', async () => {
      const stalled = await openThrough({
        major,
        ...(through && { through }),
        throughPool: { query_timeout: 500 },
      })
      try {
        const key = freshKey()
        const met = stalled.proxy.fault({ place: 'answered', how: 'stall', when: lasting })
        const answer = await stalled.commit(operations(key), { key })
        await met
        expect(answer.body).toBe((await tracesOf(stalled.direct, key)).body)
        await settled(stalled, key, operations(key))
        expect(stalled.pool.totalCount).toBeLessThanOrEqual(2)
      } finally {
        await stalled[Symbol.asyncDispose]()
      }
    })

    test('no connection is leaked by any of it', async () => {
      const held = open.pool.totalCount - open.pool.idleCount
      expect([held, open.pool.waitingCount]).toEqual([0, 0])
    })
  })
})
