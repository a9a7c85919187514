import { PGlite } from '@electric-sql/pglite'
import { CamelCasePlugin } from 'kysely'
import pg from 'pg'
import { createEndpoint } from '../../../src/index.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import {
  type InMemoryAdapter,
  type Opening,
  type PgliteAdapter,
  type ServerAdapter,
  usualAdapters,
} from '../../support/adapters.ts'
import { signingKey } from '../../support/source.ts'
import type { Subject } from './run.ts'
import { countryRows, drizzleRelations, drizzleTables, memoryConstraints, schema, tables } from './schema.ts'

type Query = (text: string) => Promise<unknown>

/** Everything that a program can have changed, as the database has it. The log comes first: memory has one too. */
export const dumps = [
  `select jsonb_build_object('position', e.position, 'tenant', e.tenant, 'model', e.model, 'entityId', e.entity_id,
    'type', e.type, 'data', e.data, 'changed', e.changed, 'idempotencyKey', e.key, 'index', e.index,
    'transactionId', e.transaction_id, 'participantId', e.participant_id, 'participantKind', e.participant_kind, 'keyScope', e.key_scope) as row
  from postern.changes e order by e.position`,
  `select jsonb_build_object('tenant', l.tenant, 'key', l.key, 'intent', l.intent, 'intentHash', l.intent_hash,
    'body', l.body) as row from postern.ledger l order by l.tenant, l.key`,
  ...['projects', 'tasks', 'comments', 'labels'].map(
    (name) => `select to_jsonb(t) as row from ${name} t order by t.id`,
  ),
  `select to_jsonb(t) as row from task_tags t order by t.task_id, t.tag`,
  `select to_jsonb(t) as row from quotas t order by t.organization_id, t.slot`,
  `select to_jsonb(t) as row from notes t order by t.n, t.id`,
]

/** Empties what programs write; the countries stay. */
export const emptyAll = `delete from comments; delete from task_tags; delete from quotas; delete from tasks; delete from projects; delete from labels; delete from notes;
  delete from postern.log; delete from postern.ledger; alter sequence postern.position_seq restart;`

function onPostgres(
  name: string,
  adapter: PostgresAdapter,
  query: Query,
  rows: (result: unknown) => { row: unknown }[],
  close: () => Promise<unknown>,
): Subject {
  const endpoint = createEndpoint({ adapter, keys: [{ secret: signingKey, allTenants: true }] })
  return {
    name,
    exact: true,
    async open() {
      await query(emptyAll)
      return endpoint
    },
    async dump() {
      const parts: unknown[] = []
      for (const text of dumps) parts.push(rows(await query(text)).map(({ row }) => row))
      return parts
    },
    async close() {
      await close()
    },
  }
}

/**
 * The adapters that must be one. Each of those on a server gets a database of its own.
 *
 * @param freshUrl makes an empty database.
 */
export const openSubjects = (freshUrl: () => Promise<string>): Promise<Subject[]> =>
  Promise.all(
    usualAdapters.map((listed) => {
      if (listed.store === 'memory') return inMemory(listed)
      return listed.store === 'server' ? onServer(listed, freshUrl) : onPglite(listed)
    }),
  )

/** Tables are in snake_case, models are not: the libraries that can translate do. */
const opening: Opening = {
  schema,
  drizzle: { schema: { ...drizzleTables, ...drizzleRelations }, casing: 'snake_case' },
  kysely: { plugins: [new CamelCasePlugin()] },
}

/** On a machine under load an answer comes late; that it comes late is no difference. */
const PATIENT = { connectTimeoutMs: 120_000, deadlineMs: 120_000 }

async function onServer(listed: ServerAdapter, freshUrl: () => Promise<string>): Promise<Subject> {
  const url = await freshUrl()
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('error', () => {})
  await pool.query(tables)
  const { adapter, close } = await listed.open(url, { ...opening, options: PATIENT })
  await adapter.migrate()
  return onPostgres(
    listed.name,
    adapter,
    (text) => pool.query(text),
    (result) => (result as pg.QueryResult).rows,
    async () => {
      await close()
      await pool.end()
    },
  )
}

async function onPglite(listed: PgliteAdapter): Promise<Subject> {
  const client = await PGlite.create()
  await client.exec(tables)
  const { adapter, close } = await listed.open(client, opening)
  await adapter.migrate()
  return onPostgres(
    listed.name,
    adapter,
    (text) => client.exec(text),
    (results) => (results as { rows: { row: unknown }[] }[])[0]?.rows ?? [],
    close,
  )
}

async function inMemory(listed: InMemoryAdapter): Promise<Subject> {
  const fresh = () => listed.open(schema, { ...memoryConstraints, rows: { countries: countryRows } })
  let adapter = await fresh()
  return {
    name: listed.name,
    exact: false,
    async open() {
      adapter = await fresh()
      return createEndpoint({ adapter, keys: [{ secret: signingKey, allTenants: true }] })
    },
    async dump() {
      const log = await adapter.inspect().log()
      return [log.map(({ occurredAt: _, tenant, ...entry }) => ({ ...entry, tenant: tenant ?? '' }))]
    },
    async close() {},
  }
}
