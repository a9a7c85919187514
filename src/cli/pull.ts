import type { PostgresConnection } from '../postgres/connection.ts'
import { UsageError } from './outcome.ts'
import { readCatalogue, schemasWithTables } from './pull/catalogue.ts'
import { guessTenant, type LeftOut, modelsOf, type PulledModel, tenantColumn } from './pull/models.ts'
import { schemaText } from './pull/write.ts'
import { visible } from './visible.ts'

export interface PullOptions {
  /** Only these tables, `name` or `schema.name`. */
  readonly tables?: readonly string[] | undefined
  /** Schemas of the database; default: those of the search path. */
  readonly schemas?: readonly string[] | undefined
  /** Null: no table has one. Default: guessed. */
  readonly tenantColumn?: string | null | undefined
  /** Write models without a tenant as models that every signed caller may read, not as comments. */
  readonly includeShared: boolean
  /** Models, by their names or their tables', that also allow the operations that could succeed; true: all of them. */
  readonly mutable: boolean | readonly string[]
  /** Whether mutable models log what the application writes by itself. Default true. */
  readonly capture?: boolean | undefined
  readonly install: string
}

export interface Pulled {
  readonly text: string
  readonly models: readonly PulledModel[]
  /** Those of nobody, which stand in the text as comments. */
  readonly shared: readonly PulledModel[]
  readonly leftOut: readonly LeftOut[]
  readonly tenant: string | undefined
  /** Where tables are, by schema, when none was found. */
  readonly elsewhere: readonly { readonly schema: string; readonly tables: number }[]
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
      `there is no table ${absent}; there are ${visible(all.map(({ name }) => name).join(', ')) || 'none'}`,
    )
  }
  const { tenantColumn: named, includeShared, mutable, capture = true } = options
  if (named != null && !tables.some(({ columns }) => columns.some((one) => one.name === named))) {
    throw new UsageError(`no table has a column ${named}`)
  }
  const tenant = named === null ? undefined : (named ?? guessTenant(tables))
  const { models, leftOut } = modelsOf(tables, (table) => tenantColumn(table, tenant, named === undefined))
  const nobodys = models.filter(({ policy }) => policy.by === 'none')
  return {
    text: schemaText(models, leftOut, { includeShared, mutable, capture }),
    models: includeShared ? models : models.filter((one) => !nobodys.includes(one)),
    shared: includeShared ? [] : nobodys,
    leftOut,
    tenant,
    elsewhere: all.length === 0 ? await schemasWithTables(connection, options.install) : [],
  }
}

/** What somebody who has not read the file yet must know of it. */
export function pullLines({ models, shared, leftOut, elsewhere }: Pulled): string[] {
  if (elsewhere.length > 0 || models.length + shared.length + leftOut.length === 0)
    return nothingFound(elsewhere)
  const open = models.filter(({ policy }) => policy.by === 'none')
  const names = (given: readonly PulledModel[]): string => given.map(({ name }) => name).join(', ')
  return [
    ...[...models, ...shared].flatMap(({ table, omitted }) =>
      omitted.map(
        ({ column, why }) => `left out: ${visible(`${table.sql}.${column.name}`)}, ${visible(why)}`,
      ),
    ),
    ...leftOut.map(({ table, why }) => `left out: ${visible(table)}, ${visible(why)}`),
    ...(shared.length === 0
      ? []
      : [
          `without a tenant: ${names(shared)}: left as comments; --include-shared lets every signed caller read them`,
        ]),
    ...(open.length === 0 ? [] : [`without a tenant, read only for every signed caller: ${names(open)}`]),
  ]
}

function nothingFound(elsewhere: Pulled['elsewhere']): string[] {
  if (elsewhere.length === 0) return ['no tables found: this database has none that the role may read']
  const places = elsewhere.map(({ schema, tables }) => `${visible(schema)} (${tables})`).join(', ')
  return [
    `no tables found in the search path; there are tables in: ${places}. Name the schemas: --db-schema <name>`,
  ]
}

const isNamed = (table: { schema: string; name: string }, name: string): boolean =>
  table.name === name || `${table.schema}.${table.name}` === name
