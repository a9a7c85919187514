import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { createEndpoint } from '../../../src/index.ts'
import { type PostgresAdapter, postgresAdapter } from '../../../src/postgres/index.ts'
import type { Opened, usualAdapters } from '../../support/adapters.ts'
import { edited } from '../../support/edited.ts'
import { signingKey } from '../../support/source.ts'
import type { Subject } from './run.ts'
import {
  countryRow,
  dumpsOf,
  emptyAll,
  idsOf,
  memoryReferences,
  type Side,
  schema,
  tablesOf,
  tenantOf,
  type World,
} from './world.ts'

type Listed = (typeof usualAdapters)[number]
type Query = (text: string) => Promise<{ row: string }[]>

const keys = [{ secret: signingKey }]

/**
 * One adapter in one world.
 *
 * @param freshUrl makes an empty database.
 * @param plant edits every statement that the engine installs or sends.
 */
export function openSubject(
  listed: Listed,
  world: World,
  freshUrl: () => Promise<string>,
  plant?: (statement: string) => string,
): Promise<Subject> {
  if (listed.store === 'memory') return inMemory(listed, world)
  return listed.store === 'pglite' ? onPglite(listed, world) : onServer(listed, world, freshUrl, plant)
}

async function onServer(
  listed: Extract<Listed, { store: 'server' }>,
  world: World,
  freshUrl: () => Promise<string>,
  plant?: (statement: string) => string,
): Promise<Subject> {
  const url = await freshUrl()
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  await client.query(tablesOf(world))
  const opened = await listed.open(url, { schema: schema, max: 2 })
  const query: Query = async (text) => (await client.query(text)).rows
  return onPostgres(listed.name, world, opened, plant, query, () => client.end())
}

async function onPglite(listed: Extract<Listed, { store: 'pglite' }>, world: World): Promise<Subject> {
  const client = await PGlite.create()
  await client.exec(tablesOf(world))
  const opened = await listed.open(client, { schema: schema })
  const query: Query = async (text) => ((await client.exec(text)).at(-1)?.rows ?? []) as { row: string }[]
  return onPostgres(listed.name, world, opened, undefined, query, async () => {})
}

async function onPostgres(
  name: string,
  world: World,
  { adapter: own, connection, close }: Opened,
  plant: ((statement: string) => string) | undefined,
  query: Query,
  end: () => Promise<unknown>,
): Promise<Subject> {
  const adapter: PostgresAdapter =
    plant === undefined ? own : (postgresAdapter(edited(connection as never, plant), schema) as never)
  await adapter.migrate()
  const endpoint = createEndpoint({ adapter, keys })
  return {
    name,
    async open() {
      await query(emptyAll)
      return endpoint
    },
    async dump(side) {
      const parts: unknown[] = []
      for (const text of dumpsOf(world, side)) parts.push((await query(text)).map(({ row }) => row))
      return parts
    },
    async close() {
      await close()
      await end()
    },
  }
}

async function inMemory(listed: Extract<Listed, { store: 'memory' }>, world: World): Promise<Subject> {
  const fresh = () =>
    listed.open(schema, {
      rows: { countries: [countryRow] },
      ...(world.foreignKeys && { references: memoryReferences }),
    })
  let adapter = await fresh()
  return {
    name: listed.name,
    async open() {
      adapter = await fresh()
      return createEndpoint({ adapter, keys })
    },
    async dump(side: Side) {
      const { rows, log, ledger } = adapter.inspect()
      const tenant = tenantOf(world, side)
      // the store keeps a row's tenant beside it; what a pair of keys refers to is of its tenant
      const isOf = (name: string, { id, projectId }: Readonly<Record<string, unknown>>): boolean =>
        name === 'members'
          ? idsOf('sites', side).includes(String(projectId))
          : idsOf(name, side).includes(String(id))
      const parts: unknown[] = []
      for (const name of schema.models.keys()) {
        parts.push((await rows(name)).filter((row) => isOf(name, row)))
      }
      parts.push(
        (await log())
          .filter((entry) => entry.tenant === tenant)
          .map(({ position: _position, occurredAt: _time, ...entry }) => entry),
        (await ledger()).filter((entry) => entry.tenant === tenant).map(({ key, body }) => `${key} ${body}`),
      )
      return parts
    },
    async close() {},
  }
}
