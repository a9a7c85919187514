import type { Model } from '../core/schema/define.ts'
import type { PausePoint, Probe, Stranger } from './probe.ts'
import { conformanceSchema } from './schema.ts'
import { GATE } from './tables.ts'

/** One connection to the store under test: not one of the adapter's. Every value goes and comes as text. */
export interface ProbeConnection {
  query(text: string, values: readonly (string | null)[]): Promise<readonly Record<string, string | null>[]>
  close(): Promise<void>
}

/** Options of `postgresProbe`. */
export interface PostgresProbeOptions {
  /** Where ledger and log are. Default `postern`. */
  readonly schema?: string
  /** Whether capture triggers are installed. Default false. */
  readonly capture?: boolean
}

/**
 * Readers and writers of a Postgres that has `conformanceTables` and the tables of this library's engine, over
 * connections of your own.
 *
 * @param connect opens a connection of its own; called again for each transaction that is held open
 * @example
 * import pg from 'pg'
 *
 * const probe = postgresProbe(async () => {
 *   const client = new pg.Client(process.env.DATABASE_URL)
 *   await client.connect()
 *   return {
 *     query: async (text, values) => (await client.query(text, [...values])).rows,
 *     close: () => client.end(),
 *   }
 * })
 */
export function postgresProbe(
  connect: () => Promise<ProbeConnection>,
  options: PostgresProbeOptions = {},
): Probe {
  const { schema = 'postern', capture = false } = options
  let kept: Promise<ProbeConnection> | undefined
  const run: ProbeConnection['query'] = async (text, values) => {
    kept ??= connect()
    return (await kept).query(text, values)
  }
  return {
    async row(name, id) {
      const model = modelOf(name)
      const columns = await run(
        `select e.key, e.value from ${model.table.name} t, jsonb_each_text(to_jsonb(t)) e where t.id::text = $1`,
        [id],
      )
      if (columns.length === 0) return null
      const values = new Map(columns.map(({ key, value }) => [key, value ?? null]))
      const row: Record<string, string | null> = { organizationId: values.get('organization_id') ?? null }
      for (const { name: field, column } of model.fields.values()) row[field] = values.get(column) ?? null
      return row
    },
    ledger: async (tenant) => {
      const rows = await run(`select key from ${schema}.ledger where tenant = $1 order by at, key`, [tenant])
      return rows.map(({ key }) => key as string)
    },
    outbox: async (tenant) => {
      const rows = await run(
        `select model, entity_id as "entityId", type from ${schema}.changes where tenant = $1 order by position`,
        [tenant],
      )
      return rows as unknown as { model: string; entityId: string; type: string }[]
    },
    write: async (name, row) => {
      const statement = upsert(modelOf(name), row)
      await run(statement.text, statement.values)
    },
    capture,
    expire: async (tenant, key) => {
      await run(
        `update ${schema}.ledger set at = now() - (select ledger_retention from ${schema}.meta) - interval '1 day'
        where tenant = $1 and key = $2`,
        [tenant, key],
      )
    },
    prune: async (through) => {
      await run(
        `with gone as (
          delete from ${schema}.log o where o.position <= $1::text::bigint and exists (
            select from ${schema}.log l where (l.key, l.rel) = (o.key, o.rel)
              and l.position > o.position))
        update ${schema}.meta set pruned_through = greatest(pruned_through, $1::text::bigint)`,
        [String(through)],
      )
    },
    stranger: async () => openStranger(await connect()),
    points: async () => pausePoints(connect, schema),
    constraints: ['unique', 'foreignKey', 'notNull', 'check', 'exclusion'],
    close: async () => {
      await (await kept)?.close()
      kept = undefined
    },
  }
}

function modelOf(name: string): Model {
  const model = conformanceSchema.models.get(name)
  if (model === undefined) throw new TypeError(`the conformance schema has no model ${name}`)
  return model
}

function columnOf(model: Model, field: string): string {
  return field === 'organizationId' ? 'organization_id' : (model.fields.get(field)?.column as string)
}

function upsert(model: Model, row: Readonly<Record<string, unknown>>): { text: string; values: string[] } {
  const entries = Object.entries(row).map(([field, value]) => [columnOf(model, field), value] as const)
  const columns = entries.map(([column]) => `"${column}"`)
  const set = columns.map((column) => `${column} = excluded.${column}`)
  const { name } = model.table
  return {
    text: `insert into ${name} (${columns.join(', ')})
      select ${columns.join(', ')} from jsonb_populate_record(null::${name}, $1::text::jsonb)
      on conflict (id) do update set ${set.join(', ')}`,
    values: [JSON.stringify(Object.fromEntries(entries))],
  }
}

async function openStranger(connection: ProbeConnection): Promise<Stranger> {
  await connection.query('begin', [])
  const end = (statement: string) => async (): Promise<void> => {
    await connection.query(statement, [])
    await connection.close()
  }
  return {
    lock: async (name, id) => {
      await connection.query(`select from ${modelOf(name).table.name} where id = $1 for update`, [id])
    },
    write: async (name, id, fields) => {
      const model = modelOf(name)
      const set = Object.keys(fields).map((field, at) => `"${columnOf(model, field)}" = $${at + 2}`)
      const values = Object.values(fields)
      await connection.query(`update ${model.table.name} set ${set.join(', ')} where id = $1`, [
        id,
        ...values,
      ])
    },
    commit: end('commit'),
    rollback: end('rollback'),
  }
}

/** Each by a lock that some step of a commit needs, taken in a transaction that is ended to let it go on. */
function pausePoints(connect: () => Promise<ProbeConnection>, schema: string): PausePoint[] {
  const table = modelOf('gated').table.name
  const point = (name: string, last: boolean, lock: string, takesId = false): PausePoint => ({
    name,
    last,
    hold: async (id) => {
      const connection = await connect()
      await connection.query('begin isolation level read committed', [])
      await connection.query(lock, takesId ? [id] : [])
      return async () => {
        await connection.query('rollback', [])
        await connection.close()
      }
    },
  })
  return [
    point('before the row is locked', false, `select from ${table} where id = $1 for update`, true),
    point('before the row is written', false, `lock table ${table} in share mode`),
    point('before the event is written', false, `lock table ${schema}.log in share mode`),
    point('before the answer is recorded', false, `lock table ${schema}.ledger in share mode`),
    point('before the end', true, `select pg_advisory_xact_lock(${GATE})::text`),
  ]
}
