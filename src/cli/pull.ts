import type { PostgresConnection } from '../adapters/postgres/connection.ts'
import { UsageError } from './outcome.ts'
import { readCatalogue } from './pull/catalogue.ts'
import { guessTenant, type LeftOut, modelsOf, type PulledModel } from './pull/models.ts'
import { schemaText } from './pull/write.ts'

export interface PullOptions {
  /** Only these tables, `name` or `schema.name`. */
  readonly tables?: readonly string[] | undefined
  /** Schemas of the database; default: those of the search path. */
  readonly schemas?: readonly string[] | undefined
  readonly tenantColumn?: string | undefined
  readonly install: string
}

export interface Pulled {
  readonly text: string
  readonly models: readonly PulledModel[]
  readonly leftOut: readonly LeftOut[]
  readonly tenant: string | undefined
}

/**
 * Makes a schema, as TypeScript, of the tables that a database has.
 *
 * @throws UsageError for a table or a tenant's column that is not there.
 */
export async function pull(connection: PostgresConnection, options: PullOptions): Promise<Pulled> {
  const all = await readCatalogue(connection, options.schemas, options.install)
  const { tables: wanted } = options
  const tables = wanted === undefined ? all : all.filter((table) => wanted.some((one) => isNamed(table, one)))
  const absent = wanted?.find((one) => !all.some((table) => isNamed(table, one)))
  if (absent !== undefined) {
    throw new UsageError(
      `there is no table ${absent}; there are ${all.map(({ name }) => name).join(', ') || 'none'}`,
    )
  }
  const { tenantColumn } = options
  if (
    tenantColumn !== undefined &&
    !tables.some(({ columns }) => columns.some((one) => one.name === tenantColumn))
  ) {
    throw new UsageError(`no table has a column ${tenantColumn}`)
  }
  const tenant = tenantColumn ?? guessTenant(tables)
  const { models, leftOut } = modelsOf(tables, tenant)
  return { text: schemaText(models, leftOut), models, leftOut, tenant }
}

const isNamed = (table: { schema: string; name: string }, name: string): boolean =>
  table.name === name || `${table.schema}.${table.name}` === name
