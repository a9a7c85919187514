import type pg from 'pg'
import { type PlainOperation, PosternError } from 'postern'
import type { HandlerCommit, PlainQuery } from 'postern/handlers'

interface Ticket {
  id: string
  subject: string
  state: 'open' | 'closed'
}

type Stored = Ticket & { version: string }

/** The endpoint has checked shape, fields and values. What is left to a handler is the tenant, and the three promises. */
export class Tickets {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async load(id: string, tenant: string | null): Promise<Ticket | null> {
    const { rows } = await this.#pool.query<Stored>(
      'select id, subject, state, version from tickets where id = $1 and organization_id = $2',
      [id, tenant],
    )
    return rows[0] ?? null
  }

  /** Pages by id. Where a handler cannot do what is asked for, it says so instead of leaving it out. */
  async list({ where, orderBy, order, limit, cursor }: PlainQuery, tenant: string | null) {
    const equalities = where.flatMap((one) => (Array.isArray(one) && one[1] === '=' ? [one] : []))
    if (orderBy !== 'id' || order !== 'asc' || equalities.length < where.length) {
      throw new PosternError(
        'invalid_query',
        'Tickets are listed by id, ascending, and filtered with = alone.',
      )
    }
    const values: unknown[] = [tenant, limit + 1, cursor ?? '']
    // A field's name is one of the schema's, never the caller's own text.
    const conditions = equalities.map(([field, , value]) => ` and ${field} = $${values.push(value)}`)
    const { rows } = await this.#pool.query<Stored>(
      `select id, subject, state, version from tickets
       where organization_id = $1 and id > $3${conditions.join('')} order by id limit $2`,
      values,
    )
    const page = rows.slice(0, limit)
    return {
      rows: page,
      stamps: page.map(({ version }) => Number(version)),
      nextCursor: rows.length > limit ? page.at(-1)?.id : undefined,
    }
  }

  /** All operations or none, once for each key, and never on a state that is no more. */
  async commit({ operations, idempotencyKey, intent, context: { tenant } }: HandlerCommit) {
    const client = await this.#pool.connect()
    try {
      await client.query('begin')
      // The key before anything else: whoever sends it at the same time waits here until this transaction ends.
      const taken = await client.query(
        'insert into handled (organization_id, key, intent) values ($1, $2, $3) on conflict do nothing',
        [tenant, idempotencyKey, intent],
      )
      if (taken.rowCount === 0) {
        await client.query('rollback')
        return await this.#replay(idempotencyKey, intent, tenant)
      }
      const changed: Stored[] = []
      for (const operation of operations) changed.push(await apply(client, operation, tenant))
      const answer = {
        rows: changed.map(({ id, subject, state }) => ({ id, subject, state })),
        stamps: changed.map(({ version }) => Number(version)),
      }
      await client.query('update handled set answer = $3 where organization_id = $1 and key = $2', [
        tenant,
        idempotencyKey,
        answer,
      ])
      await client.query('commit')
      return answer
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }

  async #replay(key: string, intent: string, tenant: string | null) {
    const { rows } = await this.#pool.query<{ intent: string; answer: { rows: Ticket[]; stamps: number[] } }>(
      'select intent, answer from handled where organization_id = $1 and key = $2',
      [tenant, key],
    )
    const [before] = rows
    if (before === undefined || before.intent !== intent) throw new PosternError('idempotency_conflict')
    return before.answer
  }
}

async function apply(
  client: pg.PoolClient,
  { type, id, input, readAt, model }: PlainOperation,
  tenant: string | null,
): Promise<Stored> {
  if (type === 'CREATE') {
    const { rows } = await client.query<Stored>(
      `insert into tickets (id, organization_id, subject, state)
       values (coalesce($1, gen_random_uuid()::text), $2, $3, $4)
       on conflict do nothing returning id, subject, state, version`,
      [id, tenant, input.subject, input.state],
    )
    if (rows[0] === undefined) throw new PosternError('unique_violation')
    return rows[0]
  }
  // The lock first, then the look at the version: the other way round two writers could both find it unchanged.
  const { rows } = await client.query<Stored>(
    'select id, subject, state, version from tickets where id = $1 and organization_id = $2 for update',
    [id, tenant],
  )
  const [current] = rows
  if (current === undefined) throw new PosternError('entity_not_found', undefined, { details: { model, id } })
  if (readAt !== null && Number(current.version) > readAt) {
    const { version, ...row } = current
    const operations = [{ model, id, readAt, stamp: Number(version), current: row }]
    throw new PosternError('stale_context', undefined, { details: { operations } })
  }
  const updated = await client.query<Stored>(
    `update tickets set subject = coalesce($3, subject), state = coalesce($4, state), version = version + 1
     where id = $1 and organization_id = $2 returning id, subject, state, version`,
    [id, tenant, input.subject, input.state],
  )
  return updated.rows[0] as Stored
}
