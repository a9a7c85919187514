import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { changedOf, make } from './steps.ts'

/** What is done about a stale operation: reject, overwrite, notify, merge. */
export const staleModeChecks = checks('staleness', [
  {
    id: 'STALE-04',
    must: '`overwrite` and `force` MUST apply without the check.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      for (const onStale of ['overwrite', 'force']) {
        const answer = await a.commit(
          update('items', one.id, { title: onStale }, { readAt: one.stamp, onStale }),
        )
        expect.equal(answer.only.title, onStale, `${onStale} must apply whatever changed`)
      }
    },
  },
  {
    id: 'STALE-05',
    must: '`notify` and `flag` MUST hold back the stale operation, apply the rest, and answer a notification.',
    async run(context) {
      const { a, id, expect } = context
      for (const onStale of ['notify', 'flag']) {
        const made = id()
        const one = await make(context, a, 'items', { title: 'one' })
        const now = await a.commit(update('items', one.id, { title: 'two' }))
        const answer = await a.commit([
          create('items', made, { title: 'made' }),
          update('items', one.id, { title: 'three' }, { readAt: one.stamp, onStale }),
          update('items', made, { rank: 1 }),
        ])
        expect.equal(
          answer.rows.map((row) => row?.id ?? null),
          [made, null, made],
          'the operation that was held back must be null among the rows, and the rest be applied',
        )
        expect.equal(answer.stamps[1], null, 'and null among the stamps')
        const [notification] = answer.notifications
        expect.equal(
          [
            answer.notifications.length,
            notification?.index,
            notification?.id,
            notification?.stamp,
            notification?.reason,
          ],
          [1, 1, one.id, now.lastStamp, 'changed'],
          'a notification must tell of it',
        )
        expect.equal(notification?.current, now.only, 'and of the row as it is')
        expect.equal((await a.load('items', one.id)).row, now.only, 'what is held back must not be applied')
      }
    },
  },
  {
    id: 'STALE-06',
    must: '`merge` MUST apply where the fields changed since and the fields of the operation do not meet, and keep both.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', rank: 1, body: 'text' })
      await a.commit(update('items', one.id, { title: 'two' }))
      const merge = { readAt: one.stamp, onStale: 'merge' }
      const answer = await a.commit(update('items', one.id, { rank: 2, body: 'new text' }, merge))
      expect.equal(
        [answer.only.title, answer.only.rank, answer.only.body],
        ['two', 2, 'new text'],
        'a merge must keep what changed since and add its own',
      )
    },
  },
  {
    id: 'STALE-07',
    must: '`merge` MUST be refused where a field of the operation changed since, also to the same value.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', rank: 1 })
      const now = await a.commit(update('items', one.id, { title: 'two' }))
      for (const title of ['three', 'two']) {
        const merge = { readAt: one.stamp, onStale: 'merge' }
        const answer = await a.commit(update('items', one.id, { title, rank: 2 }, merge))
        expect.error(answer, 'stale_context', 'a merge into a field that changed since must be refused')
        expect.equal(changedOf(answer.operations[0]), ['title'], 'and the refusal name the changed fields')
      }
      expect.equal((await a.load('items', one.id)).row, now.only, 'a refused merge must change nothing')
    },
  },
  {
    id: 'STALE-08',
    must: '`merge` MUST compare with every change since, not only with the last.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one', rank: 1, body: 'a' })
      await a.commit(update('items', one.id, { title: 'two' }))
      await a.commit(update('items', one.id, { rank: 2 }))
      await a.commit(update('items', one.id, { body: 'b' }))
      const merge = { readAt: one.stamp, onStale: 'merge' }
      const answer = await a.commit(update('items', one.id, { title: 'mine' }, merge))
      expect.error(answer, 'stale_context', 'a field that any change since has written must be refused')
      const expected = ['body', 'rank', 'title']
      expect.equal(
        changedOf(answer.operations[0]),
        expected,
        'the fields of all changes must be told, each once and sorted',
      )
      const status = await a.commit(update('items', one.id, { status: 'done' }, merge))
      expect.equal(status.summary, '200', 'a field that no change has written must be merged')
    },
  },
  {
    id: 'STALE-09',
    must: 'A DELETE MUST NOT merge; an ARCHIVE MUST merge unless the archive field changed since.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      await a.commit(update('items', one.id, { title: 'two' }))
      const merge = { readAt: one.stamp, onStale: 'merge' }
      expect.error(
        await a.commit(act('DELETE', 'items', one.id, merge)),
        'stale_context',
        'a delete meets every change',
      )
      const archived = await a.commit(act('ARCHIVE', 'items', one.id, merge))
      expect.equal(archived.summary, '200', 'an archive meets no change of other fields')
      const again = await a.commit(act('UNARCHIVE', 'items', one.id, merge))
      expect.error(again, 'stale_context', 'an unarchive meets an archive')
    },
  },
  {
    id: 'STALE-16',
    must: 'Every mode MUST count for its own operation only, also mixed in one commit.',
    async run(context) {
      const { a, expect } = context
      const rows = []
      for (const title of ['overwrite', 'notify', 'merge', 'fresh'])
        rows.push(await make(context, a, 'items', { title }))
      const [first, second, third, fourth] = rows as [
        (typeof rows)[0],
        (typeof rows)[0],
        (typeof rows)[0],
        (typeof rows)[0],
      ]
      await a.commit([first, second, third].map(({ id }) => update('items', id, { title: 'changed' })))
      const answer = await a.commit([
        update('items', first.id, { title: 'mine' }, { readAt: first.stamp, onStale: 'overwrite' }),
        update('items', second.id, { title: 'mine' }, { readAt: second.stamp, onStale: 'notify' }),
        update('items', third.id, { rank: 1 }, { readAt: third.stamp, onStale: 'merge' }),
        update('items', fourth.id, { title: 'mine' }, { readAt: fourth.stamp }),
      ])
      expect.equal(
        answer.rows.map((row) => row?.title ?? null),
        ['mine', null, 'changed', 'mine'],
        'each operation must be treated by its own mode',
      )
      expect.equal(
        answer.notifications.map(({ index }) => index),
        [1],
        'and only the one held back be notified',
      )
    },
  },
  {
    id: 'STALE-18',
    must: 'DELETE, ARCHIVE and UNARCHIVE MUST be judged like an UPDATE.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const now = await a.commit(update('items', one.id, { title: 'two' }))
      for (const type of ['DELETE', 'ARCHIVE', 'UNARCHIVE'] as const) {
        const stale = await a.commit(act(type, 'items', one.id, { readAt: one.stamp }))
        expect.error(stale, 'stale_context', `a stale ${type} must be refused`)
      }
      const fresh = await a.commit(act('DELETE', 'items', one.id, { readAt: now.lastStamp }))
      expect.equal(fresh.summary, '200', 'a fresh DELETE must be applied')
    },
  },
  {
    id: 'STALE-20',
    must: 'A refusal and a notification MUST tell who made the last change, where the caller said who it is.',
    async run(context) {
      const { a, expect } = context
      const one = await make(context, a, 'items', { title: 'one' })
      const who = { participantId: 'agent-7', participantKind: 'agent' }
      await a.commit(update('items', one.id, { title: 'two' }), { scope: who })
      const stale = { readAt: one.stamp }
      const refused = await a.commit(update('items', one.id, { title: 'three' }, stale))
      const held = await a.commit(
        update('items', one.id, { title: 'three' }, { ...stale, onStale: 'notify' }),
      )
      for (const entry of [refused.operations[0], held.notifications[0]]) {
        const told = { participantId: entry?.participantId, participantKind: entry?.participantKind }
        expect.equal(told, who, 'the participant of the last change must be told')
      }
    },
  },
])
