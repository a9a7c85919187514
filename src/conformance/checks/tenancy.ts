import { checks } from '../check.ts'
import { act, create, update } from '../source.ts'
import { make, makeAll, withoutRequestId } from './steps.ts'

/** Whose rows are whose. */
export const tenancyChecks = checks('tenancy', [
  {
    id: 'TENANT-01',
    must: "A load of another tenant's row MUST be answered as one of a missing row, byte for byte.",
    async run(context) {
      const { a, b, id, expect } = context
      const one = await make(context, a, 'items', { title: 'of a' })
      const foreign = await b.load('items', one.id)
      expect.equal(foreign.row, null, "another tenant's row must not be loaded")
      expect.same(
        foreign.text,
        (await b.load('items', id())).text,
        'a foreign and a missing row must be answered alike',
      )
    },
  },
  {
    id: 'TENANT-02',
    must: "An UPDATE of another tenant's row MUST be refused as one of a missing row, and change nothing.",
    async run(context) {
      const { a, b, id, expect } = context
      const missing = id()
      const one = await make(context, a, 'items', { title: 'of a' })
      const answer = await b.commit(update('items', one.id, { title: 'taken' }))
      expect.equal((await a.load('items', one.id)).row, one.row, "another tenant's row must not be changed")
      expect.error(answer, 'entity_not_found', "another tenant's row must be a missing row")
      const none = await b.commit(update('items', missing, { title: 'taken' }))
      const alike = JSON.parse(JSON.stringify(withoutRequestId(none)).replaceAll(missing, one.id)) as unknown
      expect.equal(withoutRequestId(answer), alike, 'a foreign and a missing row must be answered alike')
    },
  },
  {
    id: 'TENANT-03',
    must: "DELETE, ARCHIVE and UNARCHIVE of another tenant's row MUST be refused as those of a missing row.",
    async run(context) {
      const { a, b, expect } = context
      const one = await make(context, a, 'items', { title: 'of a' })
      for (const type of ['DELETE', 'ARCHIVE', 'UNARCHIVE'] as const) {
        const answer = await b.commit(act(type, 'items', one.id))
        const now = await a.load('items', one.id)
        expect.equal(now.row, one.row, `${type} must not reach another tenant's row`)
        expect.error(answer, 'entity_not_found', `${type} of another tenant's row must find nothing`)
      }
    },
  },
  {
    id: 'TENANT-04',
    must: "A commit of several operations MUST fall as a whole when one of them is on another tenant's row.",
    async run(context) {
      const { a, b, id, expect } = context
      const made = id()
      const one = await make(context, a, 'items', { title: 'of a' })
      const own = await make(context, b, 'items', { title: 'of b' })
      for (const operation of [
        update('items', one.id, { title: 'taken' }),
        act('DELETE', 'items', one.id),
        act('ARCHIVE', 'items', one.id),
      ]) {
        const answer = await b.commit([
          create('items', made, { title: 'made' }),
          update('items', own.id, { rank: 1 }),
          operation,
        ])
        expect.equal(
          (await a.load('items', one.id)).row,
          one.row,
          `${operation.type} among others must not reach a foreign row`,
        )
        expect.error(answer, 'entity_not_found', "another tenant's row must be a missing row")
      }
      expect.equal((await b.load('items', made)).row, null, 'nothing of such a commit may be applied')
    },
  },
  {
    id: 'TENANT-05',
    must: "A list MUST hold the tenant's own rows only, whatever its conditions.",
    async run(context) {
      const { a, b, expect } = context
      const mine = await makeAll(context, a, 'items', [
        { title: 'same', rank: 1 },
        { title: 'same', rank: 2 },
      ])
      const theirs = await makeAll(context, b, 'items', [{ title: 'same', rank: 1 }])
      const queries = [
        {},
        { where: [['title', 'same']] },
        { where: [['id', 'IN', [...mine, ...theirs]]] },
        { where: [['rank', '!=', 99]], orderBy: 'rank', order: 'desc' },
        { where: [['title', 'LIKE', '%']] },
      ]
      for (const query of queries) {
        const seen = async (source: typeof a): Promise<unknown[]> =>
          (await source.listAll('items', { ...query, limit: 1 })).rows.map((row) => row.id).sort()
        expect.equal(await seen(a), mine, `a list by ${JSON.stringify(query)} must hold own rows only`)
        expect.equal(await seen(b), theirs, `a list by ${JSON.stringify(query)} must hold own rows only`)
      }
    },
  },
  {
    id: 'TENANT-06',
    must: 'A CREATE MUST put the row under the tenant of its scope.',
    needs: ['row'],
    async run(context) {
      const { a, b, expect, probe } = context
      for (const source of [a, b]) {
        const one = await make(context, source, 'items', { title: 'x' })
        const stored = await probe.row('items', one.id)
        expect.equal(stored?.organizationId, source.tenant, "the store must hold the row as the caller's own")
      }
    },
  },
  {
    id: 'TENANT-07',
    must: 'A request on a model with tenants MUST be refused as `source_forbidden` when its scope names none.',
    models: ['items', 'parts'],
    async run(context) {
      const { a, anyone, id, expect } = context
      const one = await make(context, a, 'items', { title: 'of a' })
      const answers = [
        await anyone.load('items', one.id),
        await anyone.list('items'),
        await anyone.list('parts'),
        await anyone.commit(create('items', id(), { title: 'x' })),
        await anyone.commit(update('items', one.id, { title: 'x' })),
        await anyone.send({ type: 'load', model: 'items', id: one.id, scope: { organizationId: null } }),
      ]
      for (const answer of answers) {
        expect.error(answer, 'source_forbidden', 'a request without a tenant must fail closed')
        expect.equal(answer.status, 403, 'and with 403')
      }
      const odd = await anyone.send({ type: 'list', model: 'items', scope: { organizationId: '' } })
      expect.that(odd.status >= 400 && odd.status < 500, 'an empty name is no tenant', {
        received: odd.summary,
      })
    },
  },
  {
    id: 'TENANT-08',
    must: "A create that collides with another tenant's row MUST be refused as `unique_violation` and leave that row alone.",
    async run(context) {
      const { a, b, expect } = context
      const one = await make(context, a, 'items', { title: 'of a' })
      const answer = await b.commit(create('items', one.id, { title: 'of b' }))
      expect.error(answer, 'unique_violation', 'a key that is taken must be refused')
      expect.equal(
        (await a.load('items', one.id)).row,
        one.row,
        "another tenant's row must not be overwritten",
      )
      expect.that(!answer.text.includes('of a'), 'and the refusal show nothing of it', {
        received: answer.text,
      })
    },
  },
  {
    id: 'TENANT-09',
    must: "A child's tenant MUST be its parent's: it is found, changed and deleted by that tenant alone.",
    models: ['items', 'parts'],
    async run(context) {
      const { a, b, expect } = context
      const parent = await make(context, a, 'items', { title: 'parent' })
      const child = await make(context, a, 'parts', { itemId: parent.id, name: 'child' })
      expect.equal((await b.load('parts', child.id)).row, null, "another tenant's child must not be loaded")
      expect.equal((await b.list('parts')).rows, [], "another tenant's child must not be listed")
      const attempts = [update('parts', child.id, { name: 'taken' }), act('DELETE', 'parts', child.id)]
      for (const operation of attempts) {
        expect.error(
          await b.commit(operation),
          'entity_not_found',
          `${operation.type} of a foreign child must find nothing`,
        )
      }
      expect.equal((await a.load('parts', child.id)).row, child.row, 'the child must stay as it is')
      const changed = await a.commit(update('parts', child.id, { name: 'mine' }))
      expect.equal(changed.only.name, 'mine', 'its own tenant must be able to change it')
    },
  },
  {
    id: 'TENANT-10',
    must: 'A child MUST NOT be created under, or moved to, a parent of another tenant, and be told as if that one were missing.',
    models: ['items', 'parts'],
    async run(context) {
      const { a, b, id, expect } = context
      const mine = await make(context, a, 'items', { title: 'mine' })
      const theirs = await make(context, b, 'items', { title: 'theirs' })
      const child = await make(context, a, 'parts', { itemId: mine.id, name: 'child' })
      for (const parent of [theirs.id, id()]) {
        const created = await a.commit(create('parts', id(), { itemId: parent, name: 'x' }))
        expect.error(created, 'entity_not_found', 'a child needs a parent of its own tenant')
        const moved = await a.commit(update('parts', child.id, { itemId: parent }))
        expect.error(moved, 'entity_not_found', 'a child must not move to another tenant')
        const among = await a.commit([
          create('parts', id(), { itemId: mine.id, name: 'y' }),
          create('parts', id(), { itemId: parent, name: 'x' }),
        ])
        expect.error(among, 'entity_not_found', 'nor when it is one of several')
      }
      expect.equal((await b.list('parts')).rows, [], 'no row may have come under the other tenant')
      expect.equal(
        (await a.list('parts')).rows.map((row) => row?.id),
        [child.id],
        'and none of the refused ones stay',
      )
    },
  },
  {
    id: 'TENANT-11',
    must: 'Rows of nobody MUST be read and written by every signed caller, with a tenant or without.',
    models: ['shared'],
    async run(context) {
      const { a, b, anyone, id, expect } = context
      const one = id()
      ;(await anyone.commit(create('shared', one, { name: 'of nobody' }))).ok()
      for (const [at, source] of [a, b, anyone].entries()) {
        expect.equal(
          (await source.load('shared', one)).row?.id,
          one,
          'a row of nobody must be found by everybody',
        )
        const { rows } = await source.list('shared', { where: [['id', one]] })
        expect.equal(rows.length, 1, 'and be listed')
        const answer = await source.commit(update('shared', one, { name: `by ${at}` }))
        expect.equal(answer.only.name, `by ${at}`, 'and be changed')
      }
    },
  },
  {
    id: 'TENANT-12',
    must: '`related` MUST NOT embed rows of another tenant.',
    models: ['items', 'shared'],
    async run(context) {
      const { a, b, expect } = context
      const group = await make(context, a, 'shared', { name: 'group' })
      const mine = await make(context, a, 'items', { title: 'of a', sharedId: group.id })
      await make(context, b, 'items', { title: 'of b', sharedId: group.id })
      const page = await a.list('shared', { where: [['id', group.id]], related: ['items'] })
      const embedded = (page.only.items as { id: string }[]).map(({ id }) => id)
      expect.equal(embedded, [mine.id], 'only own rows may be embedded')
    },
  },
  {
    id: 'TENANT-13',
    must: "A readAt MUST tell nothing of another tenant's row.",
    async run(context) {
      const { a, b, expect } = context
      const one = await make(context, a, 'items', { title: 'of a' })
      await a.commit(update('items', one.id, { title: 'of a, again' }))
      for (const readAt of [0, one.stamp]) {
        const answer = await b.commit(update('items', one.id, { title: 'taken' }, { readAt }))
        expect.error(answer, 'entity_not_found', 'a foreign row must be missing, not stale')
        const held = await b.commit(
          update('items', one.id, { title: 'taken' }, { readAt, onStale: 'notify' }),
        )
        expect.error(held, 'entity_not_found', 'and must not be notified of')
      }
      const absent = await b.load('items', one.id)
      expect.equal(absent.stamp, 0, "another tenant's row must have no stamp")
    },
  },
  {
    id: 'TENANT-14',
    must: 'A tenant MUST be told apart by its exact name, whatever characters it has.',
    async run(context) {
      const { a, id, expect } = context
      const base = a.tenant as string
      const names = [
        `${base}'`,
        `${base}%`,
        `${base}_`,
        `${base}\\`,
        `${base}"`,
        `${base} `,
        `${base}:x@y`,
        base.toUpperCase(),
        `${base}😀`,
      ]
      const key = id()
      const ids = new Set<string>()
      for (const organizationId of names) {
        const one = id()
        const scope = { organizationId }
        const operations = [create('items', one, { title: 'x' })]
        const answer = await a.send({ type: 'commit', correlationId: key, operations, scope })
        expect.equal(
          answer.only.id,
          one,
          `the tenant ${JSON.stringify(organizationId)} must have keys of its own`,
        )
        const page = await a.send({ type: 'list', model: 'items', scope })
        expect.equal(
          page.rows.map((row) => row?.id),
          [one],
          `the tenant ${JSON.stringify(organizationId)} must have rows of its own`,
        )
        const { events } = await a.send({ type: 'events', limit: 1000, scope })
        const own = events.filter((event) => event.model === 'items')
        expect.equal(
          own.map(({ entityId }) => entityId),
          [one],
          'and events of its own',
        )
        ids.add(own[0]?.id as string)
      }
      expect.equal(
        ids.size,
        names.length,
        'events of two tenants must not share an id, though their keys be the same',
      )
    },
  },
  {
    id: 'TENANT-15',
    must: "A reference that the schema declares MUST NOT be set to another tenant's row, and be told as if that one were missing.",
    models: ['links', 'items', 'parts', 'shared'],
    async run(context) {
      const { a, b, id, expect } = context
      const made = async (source: typeof a) => {
        const item = await make(context, source, 'items', { title: 'x' })
        const part = await make(context, source, 'parts', { itemId: item.id, name: 'x' })
        const link = await make(context, source, 'links', {})
        return { itemId: item.id, partId: part.id, linkId: link.id }
      }
      const [mine, theirs] = [await made(a), await made(b)]
      const shared = await make(context, b, 'shared', { name: 'x' })
      const all = { ...mine, sharedId: shared.id }
      const one = await make(context, a, 'links', all)
      const missing = id()
      const fields = [...Object.entries(theirs), ['sharedId', missing] as const]
      for (const [name, foreign] of fields) {
        const told: unknown[] = []
        for (const target of [foreign, missing]) {
          const operations = [
            [create('links', id(), { [name]: target })],
            [update('links', one.id, { [name]: target })],
            [create('links', id(), all), create('links', id(), { [name]: target })],
            [update('links', one.id, all), update('links', mine.linkId, { [name]: target })],
          ]
          const answers = []
          for (const several of operations) answers.push(await a.commit(several))
          for (const answer of answers) {
            expect.error(answer, 'entity_not_found', `${name} must name a row that the tenant may see`)
          }
          told.push(answers.map(withoutRequestId))
        }
        expect.equal(told[0], told[1], `${name}: a foreign and a missing row must be answered alike`)
      }
      expect.equal((await a.load('links', one.id)).row, one.row, 'and nothing may be changed')
    },
  },
  {
    id: 'TENANT-16',
    must: 'A row whose parent is gone MUST NOT come to the tenant that creates the id of the parent again.',
    models: ['items', 'parts'],
    async run(context) {
      const { a, b, expect } = context
      const parent = await make(context, a, 'items', { title: 'parent' })
      const child = await make(context, a, 'parts', { itemId: parent.id, name: 'child' })
      const removed = await a.commit(act('DELETE', 'items', parent.id))
      if (removed.status !== 200) {
        expect.error(removed, 'foreign_key_violation', 'a parent that is referred to may be kept')
        return
      }
      ;(await b.commit(create('items', parent.id, { title: 'again' }))).ok()
      expect.equal((await b.load('parts', child.id)).row, null, "another tenant's child must not be loaded")
      expect.equal((await b.list('parts')).rows, [], 'and not be listed')
    },
  },
  {
    id: 'TENANT-17',
    must: 'Who of another tenant changed a row that all tenants see MUST NOT be told, neither in a refusal nor in the feed.',
    models: ['shared'],
    async run(context) {
      const { a, b, expect } = context
      const one = await make(context, a, 'shared', { name: 'one' })
      const { cursor } = await b.history()
      const scope = { participantId: 'somebody-of-a', participantKind: 'user' }
      ;(await a.commit(update('shared', one.id, { name: 'two' }), { scope })).ok()
      const stale = await b.commit(update('shared', one.id, { name: 'three' }, { readAt: one.stamp }))
      expect.error(stale, 'stale_context', 'the row has changed since')
      expect.that(
        !stale.text.includes('somebody-of-a'),
        'a refusal must not tell who of another tenant it was',
        {
          received: stale.body,
        },
      )
      const events = await b.eventsOf('shared', one.id, cursor)
      expect.equal(events.length, 1, 'the change must be told')
      expect.equal(events[0]?.participantId, undefined, 'an event must not tell who of another tenant it was')
    },
  },
])
