import { type Opened, usualServerAdapters } from '../test/support/adapters.ts'
import { poolOf } from '../test/support/pool.ts'
import { captureSections } from './capture.ts'
import type { BenchDatabase } from './database.ts'
import {
  engineCreate,
  engineFeed,
  engineList,
  engineLoad,
  engineMany,
  engineMixed,
  engineReplay,
  engineUpdate,
} from './engine.ts'
import {
  bareBulk,
  bareFeed,
  bareInsert,
  bareList,
  bareLoad,
  bareUpdate,
  fiveStatements,
  handStamps,
  preparedUpdate,
  sameBulkByHand,
  sameByHand,
  singleUpdates,
} from './floors.ts'
import { expressServer, fetchHandler } from './http.ts'
import { openPglite } from './pglite.ts'
import { fresh, inputOf, someRow } from './requests.ts'
import type { Contestant, Section } from './rounds.ts'
import { schema, TENANT } from './schema.ts'

/** Which sections to run. */
export interface Choice {
  readonly clients: readonly number[]
  readonly delays: readonly number[]
  /** Tried on names like `update_c16_net0ms`. */
  readonly only: RegExp
}

/** Opens what the sections of one network need, and hands them out one after the other. */
export async function* sections(database: BenchDatabase, choice: Choice): AsyncGenerator<Section> {
  for (const delayMs of choice.delays) {
    const wanted = (name: string): boolean => choice.only.test(`${name}_net${delayMs}ms`)
    const url = await database.url(delayMs)
    const most = Math.max(...choice.clients)
    const pool = poolOf(url, most)
    const libraries = new Map<string, Opened>()
    for (const { name, open } of usualServerAdapters) {
      libraries.set(name, await open(url, { schema, max: most }))
    }
    const engine = (libraries.get('pg') as Opened).adapter
    const closing: (() => Promise<unknown>)[] = []
    try {
      for (const clients of choice.clients) {
        const at = { clients, delayMs }
        if (wanted(`update_c${clients}`)) {
          const express = await expressServer(engine, clients)
          closing.push(express.close)
          yield {
            ...at,
            name: 'update',
            title: 'one UPDATE',
            bases: ['bare update', 'bare update, prepared', 'same by hand'],
            contestants: [
              bareUpdate(pool, clients),
              preparedUpdate(pool, clients),
              fiveStatements(pool, clients),
              sameByHand(pool, clients, null),
              ...[...libraries].map(([name, { adapter }]) => engineUpdate(name, adapter, clients)),
              fetchHandler(engine, clients),
              express.contestant,
            ],
          }
        }
        if (wanted(`readat_c${clients}`)) {
          yield {
            ...at,
            name: 'readat',
            title: 'one UPDATE with readAt',
            bases: ['bare update', 'same by hand'],
            contestants: [
              bareUpdate(pool, clients),
              sameByHand(pool, clients, handStamps),
              engineUpdate('pg', engine, clients, true),
            ],
          }
        }
        if (wanted(`create_c${clients}`)) {
          yield {
            ...at,
            name: 'create',
            title: 'one CREATE',
            bases: ['bare insert'],
            contestants: [bareInsert(pool), engineCreate('pg', engine)],
          }
        }
        // a thousand at once is what one client does; more of them only wait for the disk together
        for (const n of clients === 1 ? [100, 1000] : [100]) {
          if (!wanted(`ops${n}_c${clients}`)) continue
          yield {
            ...at,
            name: `ops${n}`,
            title: `one commit of ${n} updates with readAt`,
            bases: ['same bulk by hand', 'bare bulk update', `${n} bare updates`],
            contestants: [
              sameBulkByHand(pool, n, clients),
              bareBulk(pool, n, clients),
              ...(n === 100 && clients === 1 ? [singleUpdates(pool, n, clients)] : []),
              engineMany('pg', engine, n, clients),
              ...(clients === 1 ? [engineMixed('pg, half creates', engine, n, clients)] : []),
            ],
          }
        }
        if (wanted(`reads_c${clients}`) && clients !== 4) yield* reads(at, pool, engine)
      }
      if (delayMs === 0 && choice.clients.includes(1)) {
        if (wanted('clients_c1')) yield clientsAlone(libraries)
        if (wanted('capture_c1')) yield* captureSections(database)
        if (wanted('pglite_c1')) {
          const { contestants, close } = await openPglite()
          closing.push(close)
          yield {
            clients: 1,
            delayMs,
            name: 'pglite',
            title: 'one UPDATE on PGlite, in this process',
            bases: ['bare update'],
            contestants,
          }
        }
      }
    } finally {
      for (const close of closing) await close()
      for (const library of libraries.values()) await library.close()
      await pool.end()
    }
  }
}

type At = Pick<Section, 'clients' | 'delayMs'>

function* reads(at: At, pool: ReturnType<typeof poolOf>, engine: Opened['adapter']): Generator<Section> {
  const pair = (name: string, title: string, base: Contestant, mine: Contestant): Section => ({
    ...at,
    name,
    title,
    bases: [base.name],
    contestants: [base, mine],
  })
  const { clients } = at
  yield pair('load', 'load of a row', bareLoad(pool, clients), engineLoad('pg', engine, clients))
  yield pair(
    'replay',
    'a commit sent again',
    { ...bareLoad(pool, clients), name: 'bare select' },
    engineReplay('pg', engine),
  )
  yield pair('list', 'list of 100 rows', bareList(pool), engineList('pg', engine))
  yield pair('feed', 'page of 1,000 events', bareFeed(pool), engineFeed('pg', engine))
}

/** The same bare update through each library: what the library itself costs. */
function clientsAlone(libraries: ReadonlyMap<string, Opened>): Section {
  const contestants = [...libraries].map(
    ([library, { connection }]): Contestant => ({
      name: library === 'pg' ? 'bare update' : library,
      step(client) {
        const { title, status } = inputOf(fresh())
        return connection.query(
          `update items set title = $1::text, status = $2::text, updated_at = now()
where id = $3::text and organization_id = $4::text
returning id, organization_id, title, status, amount::text, updated_at::text, archived_at::text`,
          [title, status, someRow(client, 1), TENANT],
        )
      },
    }),
  )
  return {
    clients: 1,
    delayMs: 0,
    name: 'clients',
    title: 'a bare UPDATE through each library, without the engine',
    bases: ['bare update'],
    contestants,
  }
}
