import type { Field, Model } from '../../core/schema/define.ts'
import type { BoundModel } from './bound-model.ts'
import { bind } from './bound-model.ts'
import type { Column, Table } from './catalog.ts'
import { keyTypes } from './column-types.ts'
import { typeOf, unsupported } from './column-values.ts'
import type { Fault } from './fault.ts'
import { MisfitError } from './fault.ts'

/**
 * Holds a model against its table, so that what does not fit is told at the migration and not by the first write.
 *
 * @param rel the table's number in the log; 0 where only the fit matters.
 * @throws MisfitError with every fault: model, field, column.
 */
export function bindTable(model: Model, table: Table | undefined, rel = 0): BoundModel {
  if (table === undefined) {
    const sql = [model.table.schema, model.table.name].filter((part) => part !== undefined).join('.')
    throw new MisfitError([{ model: model.name, sql, code: 'table_missing' }])
  }
  const { columns, columnTriggers, rules } = table
  const definition = { table: table.sql, rel, columns, columnTriggers, rules }
  const bound = bind(model, definition)
  const faults = [...tableFaults(bound, table), ...bound.fields.flatMap((one) => fieldFaults(bound, one))]
  if (faults.length > 0) throw new MisfitError(faults)
  return bound
}

function tableFaults({ model, keys, tenant }: BoundModel, table: Table): Fault[] {
  const at = { model: model.name, sql: table.sql }
  const faults: Fault[] = []
  const isTable = ['r', 'p'].includes(table.kind)
  if (model.mutable.size > 0 && !isTable) faults.push({ ...at, code: 'not_a_table' })
  for (const [column, what] of [
    ...keys.map(({ column }) => [column, 'key'] as const),
    ...(tenant === null ? [] : [[tenant, 'tenant'] as const]),
  ]) {
    const { name, type } = column
    if (!isKeyType(column)) faults.push({ ...at, code: `${what}_type_unsupported`, column: name, type })
    else if (column.isLoose) faults.push({ ...at, code: `${what}_collation_unsupported`, column: name })
  }
  const columns = keys.map(({ column }) => column.name)
  if (columns.length > MAX_KEY_COLUMNS) faults.push({ ...at, code: 'key_of_several_columns', columns })
  const isKey = table.keys.some(
    (key) => key.columns.length === columns.length && columns.every((name) => key.columns.includes(name)),
  )
  // pages of rows that share an id would repeat some and skip others; what a view's key is, only its rows tell
  if (isTable && !isKey) {
    faults.push({ ...at, code: 'not_a_key', columns, keys: table.keys.map((key) => key.columns) })
  }
  return faults
}

/** Columns of a key that the compiled functions can address a row by. */
export const MAX_KEY_COLUMNS = 32

/** Whether every value has one text: the log, which compares texts, would take one row for two. */
export const isKeyType = ({ base, isArray }: Column): boolean => !isArray && keyTypes.includes(base)

function fieldFaults(
  { model, table: sql }: BoundModel,
  { field, column }: BoundModel['fields'][number],
): Fault[] {
  const at = { model: model.name, sql, field: field.name, column: column.name }
  if (column.default?.includes('$postern$')) return [{ ...at, code: 'default_unsupported' }]
  if (unsupported(column)) return [{ ...at, code: 'type_goes_by_time_zone', type: column.type }]
  if (!holds(column, field)) {
    const { declare } = typeOf(column)
    const kind = field.kind === 'array' ? `array of ${field.element}` : field.kind
    return [
      {
        ...at,
        code: 'kind_does_not_fit',
        kind,
        type: column.fullType,
        declare: column.isArray ? `z.array(${declare}.nullable())` : declare,
      },
    ]
  }
  const timed = field.touch || field === model.archive
  if (timed && (column.isArray || typeOf(column).kind !== 'timestamp')) {
    return [{ ...at, code: 'holds_no_time', type: column.fullType }]
  }
  return []
}

/** Whether a column keeps a field's values, and gives them back as the JSON type that TypeScript says. */
function holds(column: Column, { kind, element = 'text' }: Pick<Field, 'kind' | 'element'>): boolean {
  const row = typeOf(column)
  if (kind === 'array') {
    if (!column.isArray) return row.kind === 'json'
    return holds({ ...column, isArray: false }, { kind: element })
  }
  // an array of JSON values is any JSON, as far as the wire is concerned
  if (column.isArray) return kind === 'json' && row.kind === 'json'
  if (kind === 'text') return row.notText !== true
  return kind === row.kind || row.alsoHolds?.includes(kind) === true
}
