import { isDeepStrictEqual } from 'node:util'
import type pg from 'pg'
import type { Caller, WireEvent } from '../../support/caller.ts'
import { truths } from './shop.ts'

/** Rows by `model/id`. */
export type Rows = Map<string, unknown>

/** A follower that knows the feed alone: it starts from the rows as they are and applies each event once, in order. */
export class Follower {
  readonly tenant: string | null
  rows: Rows = new Map()
  seen = 0
  readonly #caller: Caller
  #cursor: string | undefined
  #stamp = 0

  constructor(tenant: string | null, caller: Caller) {
    this.tenant = tenant
    this.#caller = caller.as(tenant === null ? {} : { organizationId: tenant })
  }

  /** Reads and applies the feed until a page is empty. */
  async poll(): Promise<void> {
    for (;;) {
      const { events, nextCursor } = await this.#caller.events(this.#cursor, 200)
      for (const event of events) this.#apply(event)
      this.#cursor = nextCursor
      if (events.length === 0) return
    }
  }

  #apply({ model, entityId, type, data, stamp }: WireEvent): void {
    if (stamp <= this.#stamp) throw new Error(`stamp ${stamp} came after ${this.#stamp}`)
    this.#stamp = stamp
    this.seen++
    if (type === 'DELETE') this.rows.delete(`${model}/${entityId}`)
    else this.rows.set(`${model}/${entityId}`, data)
  }
}

/** The rows that the tenant may see; null: every row. Read with SQL, past the adapter under test. */
export async function truthOf(client: pg.ClientBase, tenant: string | null): Promise<Rows> {
  const rows: Rows = new Map()
  for (const [model, text] of Object.entries(truths)) {
    const found = await client.query(
      `select key, data from (${text}) t where $1::text is null or tenant in ($1, '')`,
      [tenant],
    )
    for (const { key, data } of found.rows) rows.set(`${model}/${key}`, data)
  }
  return rows
}

export interface Difference {
  readonly tenant: string | null
  readonly row: string
  readonly table: unknown
  readonly follower: unknown
}

/** Where a follower that has read everything does not hold what the tables hold. */
export async function differences(
  client: pg.ClientBase,
  followers: readonly Follower[],
): Promise<Difference[]> {
  const found: Difference[] = []
  for (const follower of followers) {
    await follower.poll()
    const truth = await truthOf(client, follower.tenant)
    for (const row of new Set([...truth.keys(), ...follower.rows.keys()])) {
      const [table, held] = [truth.get(row), follower.rows.get(row)]
      if (!isDeepStrictEqual(table, held)) found.push({ tenant: follower.tenant, row, table, follower: held })
    }
  }
  return found
}
