import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'

/** The id of a row of `pairs`. */
const idOf = (itemId: string, tag: string): string => JSON.stringify([itemId, tag])

/** Parts that run into each other, or into the next row's, where they are not kept apart. */
const tags = ['b', 'b"', '","', '[]', '\\', ', ', '1', '01', 'é', '😀', ' ']

/** Rows whose key is two fields: their id is the JSON array of both. */
export const keyChecks = checks(
  'core',
  [
    {
      id: 'KEY-01',
      must: 'A row whose key is several fields MUST be found under the JSON array of their texts, however that was spelt.',
      async run({ a, id, expect }) {
        const itemId = id()
        for (const tag of tags) {
          const made = await a.commit(create('pairs', undefined, { itemId, tag, note: tag }))
          const row = { itemId, tag, note: tag }
          expect.equal(made.only, row, 'a CREATE must take the fields of the key from its input')
          const found = await a.load('pairs', idOf(itemId, tag))
          expect.equal(found.row, row, `the row must be found under ${idOf(itemId, tag)}`)
          const spelt = ` [ ${JSON.stringify(itemId)} , ${JSON.stringify(tag).replace('é', '\\u00e9')} ] `
          expect.equal((await a.load('pairs', spelt)).row, row, `and under ${spelt}`)
        }
        const given = idOf(itemId, 'given')
        const answer = await a.commit(create('pairs', given, { note: 'x' }))
        expect.equal(
          answer.only,
          { itemId, tag: 'given', note: 'x' },
          'a CREATE must take the key from its id',
        )
        expect.error(
          await a.commit(create('pairs', undefined, { itemId, tag: 'given' })),
          'unique_violation',
          'a create over a present row must be refused',
        )
      },
    },
    {
      id: 'KEY-02',
      must: 'UPDATE, DELETE, stamps and events MUST go by the whole key.',
      async run({ a, id, expect }) {
        const itemId = id()
        const [one, other] = [idOf(itemId, 'one'), idOf(itemId, 'other')]
        const made = await a.commit([create('pairs', one, {}), create('pairs', other, {})])
        const readAt = made.lastStamp
        const changed = await a.commit(update('pairs', one, { note: 'new' }, { readAt }))
        expect.equal(changed.only, { itemId, tag: 'one', note: 'new' }, 'the row of that key must be changed')
        expect.equal(
          (await a.load('pairs', other)).row,
          { itemId, tag: 'other', note: null },
          'a row that shares a part of the key must stay as it is',
        )
        expect.error(
          await a.commit(update('pairs', one, { note: 'late' }, { readAt })),
          'stale_context',
          'a decision on the state before must be refused',
        )
        const kept = await a.commit(act('DELETE', 'pairs', other, { readAt }))
        expect.equal(kept.status, 200, 'a change of one row must not make a decision on another stale')
        const told = (await a.eventsOf('pairs'))
          .filter(({ entityId }) => entityId === one || entityId === other)
          .map(({ entityId, type }) => [entityId, type])
        expect.equal(
          told,
          [
            [one, 'CREATE'],
            [other, 'CREATE'],
            [one, 'UPDATE'],
            [other, 'DELETE'],
          ],
          'each event must name its row by the array of its key',
        )
      },
    },
    {
      id: 'KEY-03',
      must: 'An id that is no JSON array of as many texts as the key has fields MUST be refused, or name no row.',
      async run({ a, id, expect }) {
        const itemId = id()
        ;(await a.commit(create('pairs', undefined, { itemId, tag: '1' }))).ok()
        const wrong = [itemId, `${itemId},1`, '[]', idOf(itemId, '1').slice(0, -1), JSON.stringify([itemId])]
        const more = [[itemId, '1', '1'], [itemId, 1], [itemId, null], { itemId, tag: '1' }]
        for (const one of [...wrong, ...more.map((value) => JSON.stringify(value))]) {
          const loaded = await a.load('pairs', one)
          expect.that(
            loaded.status === 400 || (loaded.status === 200 && loaded.row === null),
            `the id ${one} must not name a row`,
            { received: loaded.summary },
          )
          const written = await a.commit(update('pairs', one, { note: 'x' }))
          expect.that(written.status >= 400, `a commit on the id ${one} must be refused`, {
            received: written.summary,
          })
        }
      },
    },
    {
      id: 'KEY-04',
      must: 'Pages by such a key MUST hold every row once, also where the first field ties.',
      async run({ a, id, expect }) {
        const items = [id(), id()]
        const operations = items.flatMap((itemId) =>
          tags.map((tag) => create('pairs', undefined, { itemId, tag })),
        )
        ;(await a.commit(operations)).ok()
        const where = [['itemId', 'IN', items]]
        const expected = items.flatMap((itemId) => tags.map((tag) => idOf(itemId, tag))).sort()
        for (const query of [
          {},
          { order: 'desc' },
          { orderBy: 'note' },
          { orderBy: 'itemId', order: 'desc' },
        ]) {
          for (const limit of [1, 3, expected.length]) {
            const { rows } = await a.listAll('pairs', { where, limit, ...query })
            const found = rows.map(({ itemId, tag }) => idOf(String(itemId), String(tag)))
            const what = `pages of ${limit} by ${JSON.stringify(query)} must hold every row once`
            expect.equal(found.sort(), expected, what)
          }
        }
      },
    },
    {
      id: 'KEY-05',
      must: 'A field of the key MUST NOT be changed by an UPDATE.',
      async run({ a, id, expect }) {
        const itemId = id()
        const one = idOf(itemId, 'one')
        ;(await a.commit(create('pairs', one, {}))).ok()
        const answer = await a.commit(update('pairs', one, { tag: 'two' }))
        expect.that(answer.status >= 400 && answer.status < 500, 'another value must be refused', {
          received: answer.summary,
        })
        const same = await a.commit(update('pairs', one, { tag: 'one', note: 'n' }))
        expect.equal(same.only, { itemId, tag: 'one', note: 'n' }, 'the value that it has may be sent')
        expect.equal(
          (await a.load('pairs', idOf(itemId, 'two'))).row,
          null,
          'no row must stand under the other key',
        )
      },
    },
    {
      id: 'KEY-06',
      must: 'A row under such a key MUST be its tenant’s alone.',
      async run({ a, b, id, expect }) {
        const one = idOf(id(), 'one')
        ;(await a.commit(create('pairs', one, { note: 'mine' }))).ok()
        expect.equal((await b.load('pairs', one)).row, null, "another tenant's row must not be seen")
        for (const operation of [update('pairs', one, { note: 'theirs' }), act('DELETE', 'pairs', one)])
          expect.error(
            await b.commit(operation),
            'entity_not_found',
            "another tenant's row must not be found",
          )
        expect.equal((await a.load('pairs', one)).row?.note, 'mine', 'the row must stay as it is')
      },
    },
  ],
  ['pairs'],
)
