import type { BoundField, BoundModel } from '../model/bound-model.ts'
import { keyValues, sameKey } from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { isMade } from '../model/catalog.ts'
import { decode, inexact } from '../model/column-values.ts'

/** Pieces of SQL that the functions for one operation and for many share: how input becomes column values. */

const written = (bound: BoundModel): readonly BoundField[] =>
  [...bound.fields, ...bound.hidden].filter(({ field, column }) => field.writable && !isMade(column))

/** The time of the commit, in the type of a touch or archive column. */
export const commitTime = (column: Column): string =>
  column.base === 'timestamp' ? `(pg_catalog.now() at time zone 'UTC')` : 'pg_catalog.now()'

/** `column = value` for each writable field: the sent value, else what the row has (a toasted value stays where it is). */
export function assignments(bound: BoundModel, input: string, row: string): string {
  // all that the schema takes for writable is computed by the database: SQL wants one assignment all the same
  const [other] = bound.columns.filter((column) => !isMade(column))
  if (written(bound).length === 0 && other !== undefined) return `${other.sql} = ${row}.${other.sql}`
  return written(bound)
    .map(({ field, column }) => {
      const otherwise = field.touch ? commitTime(column) : `${row}.${column.sql}`
      return `${column.sql} = case when ${input} ? '${field.name}'::text then ${decode(column, input, field.name)} else ${otherwise} end`
    })
    .join(',\n      ')
}

/** Column list and values of an insert: id, tenant, each writable field as sent or else its column's own default. */
export function insertion(bound: BoundModel, input: string, ids: readonly string[], tenant: string) {
  const columns = bound.keys.map(({ column }) => column.sql)
  // a key that holds the tenant holds the caller's own
  const values = bound.keys.map(({ column }, place) =>
    column.name === bound.tenant?.name && bound.keys.length > 1 ? tenant : (ids[place] as string),
  )
  if (bound.tenant !== null && !columns.includes(bound.tenant.sql)) {
    columns.push(bound.tenant.sql)
    values.push(tenant)
  }
  for (const { field, column } of written(bound)) {
    const otherwise = field.touch ? commitTime(column) : (column.default ?? 'null')
    columns.push(column.sql)
    values.push(
      `case when ${input} ? '${field.name}'::text then ${decode(column, input, field.name)} else ${otherwise} end`,
    )
  }
  return {
    columns: columns.join(', '),
    values: values.join(',\n      '),
    overriding: bound.keys.some(({ column }) => column.identityAlways) ? ' overriding system value' : '',
  }
}

/** The id of a create: the sent one, else the column's default, else null, which the database then refuses. */
export function createId(bound: BoundModel, id: string): string {
  const { column } = bound.key
  return column.default === null ? id : `coalesce(${id}, ${column.default})`
}

/** The same for every column of the key. Of several, none is made up: a create names them all. */
export const createIds = (bound: BoundModel, id: string): readonly string[] => {
  const values = keyValues(bound, id)
  return values.length === 1 ? [createId(bound, values[0] as string)] : values
}

/**
 * The same as a statement made anew for the fields that were sent, for tables where a trigger fires for some columns only
 * (`update of`): the static form names every column. `$1` is the input, `$2` the row as it was.
 */
export function updateText(bound: BoundModel, input: string, old: string, into: string): string {
  const key = bound.key.column.sql
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'::text`
  const parts = written(bound).map(({ field, column }) => {
    const sent = literal(`${column.sql} = ${decode(column, '$1', field.name)}`)
    const otherwise = field.touch ? literal(`${column.sql} = ${commitTime(column)}`) : 'null'
    return `case when ${input} ? '${field.name}'::text then ${sent} else ${otherwise} end`
  })
  const none = literal(`${key} = ($2).${key}`)
  return `_fields := coalesce(nullif(concat_ws(', '::text,
      ${parts.join(',\n      ')}), ''), ${none});
  execute ${literal(`update ${bound.table} t set `)} || _fields || ${literal(` where ${sameKey(bound, 't', '($2)')} returning t.*`)}
    into ${into} using ${input}, ${old};`
}

/** The condition that some sent value would be stored as another one; null when no column of the model can do so. */
export function inexactInput(bound: BoundModel, input: string): string | null {
  const tests = written(bound).flatMap(({ field, column }) => inexact(column, input, field.name) ?? [])
  return tests.length === 0 ? null : tests.join('\n      or ')
}
