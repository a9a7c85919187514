import type { WireEvent } from '../answer.ts'
import { checks } from '../check.ts'
import { act, create, type Source, update } from '../source.ts'
import { insist, WAYS, warm } from './crowd.ts'
import { make, makeAll, settle, together } from './steps.ts'

/** Reads on until it is told to stop, and then to the end. */
function follow(source: Source, start: string | undefined, limit: number) {
  const events: WireEvent[] = []
  let stopped = false
  const done = (async () => {
    let cursor = start
    for (;;) {
      const last = stopped
      const read = await source.history(cursor, limit)
      events.push(...read.events)
      cursor = read.cursor
      if (last) return events
      await settle(1)
    }
  })()
  // whoever awaits `stop` gets the failure; until then it must not end the process
  done.catch(() => {})
  return {
    stop: (): Promise<WireEvent[]> => {
      stopped = true
      return done
    },
  }
}

/** Readers and followers among many writers. */
export const readerChecks = checks('concurrency', [
  {
    id: 'RACE-04',
    must: 'A counter that many callers raise under readAt MUST end at the number of accepted commits: no update is lost.',
    async run(context) {
      const { a, expect, progress } = context
      await warm(context)
      const agents = 16
      const one = await make(context, a, 'items', { title: 'counter', rank: 0 })
      let accepted = 0
      let asked = 0
      const readers = [
        async () => {
          const { row, stamp } = await a.load('items', one.id)
          return { rank: row?.rank as number, stamp }
        },
        async () => {
          const page = await a.list('items', { where: [['id', one.id]] })
          return { rank: page.only.rank as number, stamp: page.stamps[0] as number }
        },
        async () => {
          const page = await a.list('items', { where: [['id', one.id]] })
          return { rank: page.only.rank as number, stamp: page.stamp }
        },
      ]
      await together(agents, async (agent) => {
        for (let round = 0; round < 8; round++) {
          const { rank, stamp } = await (readers[(agent + round) % readers.length] as (typeof readers)[0])()
          const answer = await a.commit(update('items', one.id, { rank: rank + 1 }, { readAt: stamp }))
          if (answer.code === undefined) accepted++
          else expect.error(answer, 'stale_context', 'a decision that came too late must be told so')
          progress(++asked, agents * 8)
        }
      })
      const { row } = await a.load('items', one.id)
      expect.equal(row?.rank, accepted, 'the counter must be the number of accepted commits')
    },
  },
  {
    id: 'RACE-07',
    must: 'A stamp that was read while a writer was under way MUST NOT vouch for what that writer changes.',
    models: ['items', 'gated'],
    needs: ['points'],
    async run(context) {
      const { a, expect, probe } = context
      await warm(context)
      for (const point of await probe.points()) {
        const one = await make(context, a, 'gated', { title: 'x', value: 0 })
        const release = await point.hold(one.id)
        const commit = a.commit(update('gated', one.id, { value: 1 }))
        await settle(20)
        // another writer moves the end of the log past the one that is held
        if (point.last) await make(context, a, 'items', { title: 'later' })
        const loaded = await a.load('gated', one.id)
        const listed = await a.list('gated', { where: [['id', one.id]] })
        await release()
        ;(await commit).ok()
        expect.equal(loaded.row?.value, 0, `held at "${point.name}": what is not committed must not be seen`)
        for (const stamp of [loaded.stamp, listed.stamps[0] as number, listed.stamp]) {
          const answer = await a.commit(update('gated', one.id, { value: 9 }, { readAt: stamp }))
          expect.error(
            answer,
            'stale_context',
            `held at "${point.name}": a decision on the old state must be stale`,
          )
        }
      }
    },
  },
  {
    id: 'RACE-10',
    must: 'A follower of a feed under many writers MUST get every committed change exactly once, in order.',
    models: ['items', 'shared'],
    async run(context) {
      const { a, id, expect, random, progress } = context
      await warm(context)
      const { cursor } = await a.history()
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 8 }, () => ({ title: 'x', rank: 0 })),
      )
      const follower = follow(a, cursor, 7)
      const committed: number[] = []
      let done = 0
      await together(WAYS, async (writer) => {
        for (let round = 0; round < 6; round++) {
          const some = random.shuffled(ids).slice(0, 1 + random.below(4))
          const operations = some.map((one) => update('items', one, { rank: writer * 100 + round }))
          // some fail after they have done part of their work: their positions are never seen
          const fails = random.below(5) === 0
          const twice = fails ? [create('items', ids[0], { title: 'twice' })] : []
          const answer = await insist(context, a, [...operations, ...twice])
          if (answer.code === undefined) committed.push(...answer.stamps)
          else if (!fails) answer.ok()
          if (random.below(4) === 0) await insist(context, a, [create('shared', id(), { name: 'aside' })])
          progress(++done, WAYS * 6)
        }
      })
      const events = await follower.stop()
      const stamps = events.map(({ stamp }) => stamp)
      const rising = [...stamps].sort((one, other) => one - other)
      expect.equal(new Set(stamps).size, stamps.length, 'no event may be delivered twice')
      expect.equal(stamps, rising, 'events must be delivered in the order of their stamps')
      const ofItems = events
        .filter(({ model, type }) => model === 'items' && type === 'UPDATE')
        .map(({ stamp }) => stamp)
      const missing = committed.filter((stamp) => !ofItems.includes(stamp))
      expect.equal(missing, [], 'no committed change may be skipped')
      expect.equal(ofItems.length, committed.length, 'and nothing may be told that was not committed')
      for (const one of ids) {
        const last = events.filter(({ entityId }) => entityId === one).at(-1)
        const { row } = await a.load('items', one)
        expect.equal(last?.data, row, "a row's last event must be the row as it stands")
      }
    },
  },
  {
    id: 'RACE-13',
    must: 'A reader MUST never see one half of a commit.',
    async run(context) {
      const { a, expect } = context
      await warm(context)
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 5 }, () => ({ title: 'x', rank: 0 })),
      )
      let writing = true
      const writer = (async () => {
        for (let rank = 1; rank <= 25; rank++) {
          ;(await a.commit(ids.map((one) => update('items', one, { rank })))).ok()
        }
      })().finally(() => {
        writing = false
      })
      writer.catch(() => {})
      while (writing) {
        const { rows } = await a.list('items', { where: [['id', 'IN', ids]] })
        expect.equal(
          new Set(rows.map((row) => row?.rank)).size,
          1,
          'all rows of a commit must change at once',
        )
      }
      await writer
    },
  },
  {
    id: 'RACE-14',
    must: 'Pages MUST hold every row that was there all along exactly once, while others come and go.',
    async run(context) {
      const { a, id, expect, random } = context
      await warm(context)
      const group = id()
      const ids = await makeAll(
        context,
        a,
        'items',
        Array.from({ length: 40 }, (_, at) => ({ title: group, rank: at * 10 })),
      )
      let reading = true
      const writers = together(4, async () => {
        while (reading) {
          const one = id()
          await a.commit(create('items', one, { title: group, rank: random.below(400), body: 'brief' }))
          if (random.below(2)) await a.commit(act('DELETE', 'items', one))
        }
      })
      writers.catch(() => {})
      try {
        for (const order of ['asc', 'desc']) {
          const { rows } = await a.listAll('items', {
            where: [['title', group]],
            orderBy: 'rank',
            order,
            limit: 7,
          })
          const found = rows.filter((row) => row.body === null).map((row) => row.id)
          expect.equal(
            found,
            order === 'asc' ? ids : [...ids].reverse(),
            'rows that stay must be found once each, in order',
          )
        }
      } finally {
        reading = false
      }
      await writers
    },
  },
  {
    id: 'RACE-15',
    must: 'Requests of different tenants at once MUST NOT mix.',
    async run(context) {
      const { a, id, key, expect } = context
      await warm(context)
      const used = key()
      await together(WAYS, async (at) => {
        const scope = { organizationId: `${a.tenant}-${at}` }
        const one = id()
        const operations = [create('items', one, { title: `of ${at}` })]
        const answer = await a.send({ type: 'commit', correlationId: used, operations, scope })
        expect.equal(answer.only.title, `of ${at}`, "a caller must get its own tenant's answer")
        const page = await a.send({ type: 'list', model: 'items', scope })
        expect.equal(
          page.rows.map((row) => row?.id),
          [one],
          "a caller must see its own tenant's rows",
        )
      })
    },
  },
])
