import type pg from 'pg'
import { fresh, freshKey, inputOf, intent, Stamps, someRow, someRows } from './requests.ts'
import type { Contestant } from './rounds.ts'
import { rowId, TENANT } from './schema.ts'

/** What the engine is compared with: SQL written by hand, through node-postgres. */

const UPDATE = `update items set title = $1, status = $2, updated_at = now()
where id = $3 and organization_id = $4 returning *`

const INSERT = `insert into items (id, organization_id, title, status, updated_at)
values ($1, $2, $3, $4, now()) returning *`

/** The row and nothing else: no key, no lock that is kept, no event, nothing to replay. */
export const bareUpdate = (pool: pg.Pool, clients: number): Contestant => ({
  name: 'bare update',
  step(client) {
    const { title, status } = inputOf(fresh())
    return pool.query({ text: UPDATE, values: [title, status, someRow(client, clients), TENANT] })
  },
})

/** The same as a prepared statement, which an application behind a pooler may not have. */
export const preparedUpdate = (pool: pg.Pool, clients: number): Contestant => ({
  name: 'bare update, prepared',
  step(client) {
    const { title, status } = inputOf(fresh())
    return pool.query({
      name: 'update',
      text: UPDATE,
      values: [title, status, someRow(client, clients), TENANT],
    })
  },
})

/** What is usually written by hand: a transaction that locks, updates and leaves an event. Neither key nor replay. */
export const fiveStatements = (pool: pg.Pool, clients: number): Contestant => ({
  name: 'five statements',
  async step(client) {
    const { title, status } = inputOf(fresh())
    const id = someRow(client, clients)
    const one = await pool.connect()
    try {
      await one.query('begin')
      await one.query('select * from items where id = $1 and organization_id = $2 for update', [id, TENANT])
      const { rows } = await one.query(UPDATE, [title, status, id, TENANT])
      await one.query(
        `insert into hand.outbox (position, tenant, model, entity_id, type, data, key, index)
values (nextval('hand.position_seq'), $1, 'five', $2, 'UPDATE', $3, $4, 0)`,
        [TENANT, id, JSON.stringify(rows[0]), freshKey()],
      )
      await one.query('commit')
    } finally {
      one.release()
    }
  },
})

/** Everything that a commit promises, in a function written by hand for this table and these two columns: hand.sql. */
export function sameByHand(
  pool: pg.Pool,
  clients: number,
  stamps: Stamps | null,
  name = 'same by hand',
): Contestant {
  return {
    name,
    async step(client) {
      const { title, status } = inputOf(fresh())
      const id = someRow(client, clients)
      const readAt = stamps?.of(id) ?? null
      const { rows } = await pool.query({
        name: 'hand_update',
        text: 'select hand.update_item($1, $2, $3, $4, $5, $6, $7) as body',
        values: [TENANT, freshKey(), intent, id, title, status, readAt],
      })
      handStamps.note([id], answered(rows))
    },
  }
}

/** Stamps of the log by hand, which is not the engine's. */
export const handStamps = new Stamps()

function answered(rows: readonly { body: string }[]): string {
  const body = rows[0]?.body ?? ''
  if (!body.startsWith('{')) throw new Error(`by hand: ${body}`)
  return body
}

export const bareInsert = (pool: pg.Pool): Contestant => ({
  name: 'bare insert',
  step() {
    const n = fresh()
    const { title, status } = inputOf(n)
    return pool.query({ text: INSERT, values: [`new-${process.pid}-${n}`, TENANT, title, status] })
  },
})

/** So many rows in one UPDATE of sets: the rows and nothing else. */
export const bareBulk = (pool: pg.Pool, n: number, clients: number): Contestant => ({
  name: 'bare bulk update',
  step(client) {
    const inputs = Array.from({ length: n }, () => inputOf(fresh()))
    return pool.query({
      name: 'bulk',
      text: `update items t set title = v.title, status = v.status, updated_at = now()
from unnest($1::text[], $2::text[], $3::text[]) v(id, title, status)
where t.id = v.id and t.organization_id = $4 returning t.*`,
      values: [
        someRows(n, client, clients),
        inputs.map(({ title }) => title),
        inputs.map(({ status }) => status),
        TENANT,
      ],
    })
  },
})

/** Row locks, staleness, events, ledger and answer for so many updates, in set-based SQL written by hand: hand.sql. */
export const sameBulkByHand = (pool: pg.Pool, n: number, clients: number): Contestant => ({
  name: 'same bulk by hand',
  async step(client) {
    const inputs = Array.from({ length: n }, () => inputOf(fresh()))
    const ids = someRows(n, client, clients)
    const { rows } = await pool.query({
      name: 'hand_bulk',
      text: 'select hand.update_items($1, $2, $3, $4, $5, $6, $7) as body',
      values: [
        TENANT,
        freshKey(),
        intent,
        ids,
        inputs.map(({ title }) => title),
        inputs.map(({ status }) => status),
        ids.map((id) => handStamps.of(id)),
      ],
    })
    handStamps.note(ids, answered(rows))
  },
})

/** So many bare updates, one after the other. */
export const singleUpdates = (pool: pg.Pool, n: number, clients: number): Contestant => {
  const { step } = bareUpdate(pool, clients)
  return {
    name: `${n} bare updates`,
    async step(client) {
      for (let done = 0; done < n; done += 1) await step(client)
    },
  }
}

export const bareLoad = (pool: pg.Pool, clients: number): Contestant => ({
  name: 'bare select',
  step: (client) =>
    pool.query({
      text: 'select * from items where id = $1 and organization_id = $2',
      values: [someRow(client, clients), TENANT],
    }),
})

export const bareList = (pool: pg.Pool): Contestant => ({
  name: 'bare select of 100',
  step: () =>
    pool.query({
      text: 'select * from items where organization_id = $1 and id > $2 order by id limit 100',
      values: [TENANT, rowId(Math.floor(Math.random() * 10_000))],
    }),
})

export const bareFeed = (pool: pg.Pool): Contestant => ({
  name: 'bare select of 1,000 events',
  step: () =>
    pool.query({
      text: 'select * from postern.log where position > $1 order by position limit 1000',
      values: [0],
    }),
})
