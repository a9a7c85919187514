import type { DatabaseSync } from 'node:sqlite'
import {
  type Comparison,
  type Condition,
  type Field,
  keyFields,
  type ListRequest,
  type RowValue,
  type Schema,
} from 'postern'
import { all, Bindings, columnsOf, fromColumns, ownedBy, quoted } from './rows.ts'
import { decimalKey, type Stored, toStored } from './values.ts'

/** Rows that a relation embeds at most. */
const RELATED_MAX = 1000

/** The rows of a page, one too many when there is a next one. */
export function queryRows(
  db: DatabaseSync,
  schema: Pick<Schema, 'models'>,
  request: ListRequest,
): RowValue[] {
  const { model, after, orderBy, order, limit } = request
  const bindings = new Bindings()
  const conditions = matching(db, schema, request, bindings)
  if (after !== undefined) conditions.push(afterSql(request, after, bindings))
  const nulls = order === 'asc' ? 'nulls last' : 'nulls first'
  const key = model.key.map((field) => `${sortable(field)} ${order}`).join(', ')
  const text = `select ${columnsOf(model, 't.')} from ${quoted(model.table.name)} t
    where ${conditions.join(' and ')}
    order by ${sortable(orderBy)} ${order} ${nulls}, ${key} limit ${limit + 1}`
  const rows = all(db, text, bindings.values).map((columns) => fromColumns(model, columns))
  return rows.map((row) => ({ ...row, ...embedded(db, schema, request, row) }))
}

/** How many rows match, on whatever page. */
export function countRows(db: DatabaseSync, schema: Pick<Schema, 'models'>, request: ListRequest): number {
  const bindings = new Bindings()
  const where = matching(db, schema, request, bindings).join(' and ')
  const text = `select count(*) as total from ${quoted(request.model.table.name)} t where ${where}`
  return Number(all(db, text, bindings.values)[0]?.total)
}

/** What a list is of: the tenant's rows for which every condition holds. */
function matching(
  db: DatabaseSync,
  schema: Pick<Schema, 'models'>,
  { model, tenant, where }: ListRequest,
  bindings: Bindings,
): string[] {
  db.function('decimal_key', { deterministic: true }, (text) => decimalKey(text as string | null))
  const conditions = [ownedBy(schema, model, tenant, bindings)]
  for (const condition of where) conditions.push(conditionSql(condition, bindings))
  return conditions
}

const columnOf = (field: Field): string => `t.${quoted(field.column)}`

/** An expression that compares as the field's values do. */
const sortable = (field: Field): string =>
  field.kind === 'numeric' ? `decimal_key(${columnOf(field)})` : columnOf(field)

function sortableValue(field: Field, value: unknown): Stored {
  const stored = toStored(field, value)
  return field.kind === 'numeric' ? decimalKey(stored as string) : stored
}

function conditionSql(condition: Condition, bindings: Bindings): string {
  const joined = (conditions: readonly Condition[], by: string): string =>
    `(${conditions.map((one) => conditionSql(one, bindings)).join(` ${by} `)})`
  if ('or' in condition) return joined(condition.or, 'or')
  if ('and' in condition) return joined(condition.and, 'and')
  if ('not' in condition) return `(not ${conditionSql(condition.not, bindings)})`
  return comparisonSql(condition, bindings)
}

function comparisonSql({ field, operator, value }: Comparison, bindings: Bindings): string {
  const column = sortable(field)
  switch (operator) {
    case 'IS':
    case 'IS NOT':
      return `${column} ${operator} ${value === null ? 'null' : value === true ? '1' : '0'}`
    case 'IN':
    case 'NOT IN': {
      const members = (value as unknown[]).map((member) => bindings.add(sortableValue(field, member)))
      return `${column} ${operator} (${members.join(', ')})`
    }
    case 'LIKE':
    case 'NOT LIKE':
      // SQLite's own LIKE does not tell case apart
      return `${column} ${operator.replace('LIKE', 'glob')} ${bindings.add(globOf(value as string))}`
    case 'ILIKE':
    case 'NOT ILIKE':
      return `${column} ${operator.replace('ILIKE', 'like')} ${bindings.add(value as string)} escape '\\'`
    case 'STARTS WITH':
      return `substr(${column}, 1, ${[...(value as string)].length}) = ${bindings.add(value as string)}`
    case 'CONTAINS': {
      const numeric = field.element === 'numeric'
      const member = numeric ? 'decimal_key(m.value)' : 'm.value'
      const wanted = numeric
        ? decimalKey(value as string)
        : Number.isFinite(value) || typeof value === 'string'
          ? value
          : Number(value)
      const fits = `${member} = ${bindings.add(wanted as Stored)}`
      return `case when ${column} is not null then exists (select 1 from json_each(${column}) m where ${fits}) end`
    }
    default:
      return `${column} ${operator} ${bindings.add(sortableValue(field, value))}`
  }
}

/** A pattern of LIKE as one of GLOB: other characters are special there. */
function globOf(pattern: string): string {
  return pattern.replaceAll(/\\(.)|%|_|[*?[]/gs, (part, escaped?: string) => {
    if (part === '%') return '*'
    if (part === '_') return '?'
    const literal = escaped ?? part
    return /[*?[]/.test(literal) ? `[${literal}]` : literal
  })
}

/** Rows behind the cursor's: missing values are last ascending and first descending. */
function afterSql(
  { orderBy, order, model }: ListRequest,
  after: { value: unknown; id: string },
  bindings: Bindings,
): string {
  const operator = order === 'asc' ? '>' : '<'
  const key = keyFields(model, after.id)
  const beyond = (): string => {
    const given = model.key.map((field) => bindings.add(sortableValue(field, key[field.name])))
    return `(${model.key.map(sortable).join(', ')}) ${operator} (${given.join(', ')})`
  }
  if (model.key.length === 1 && orderBy === model.primaryKey) return beyond()
  const column = sortable(orderBy)
  if (after.value === null) {
    return order === 'asc' ? `(${column} is null and ${beyond()})` : `(${column} is not null or ${beyond()})`
  }
  const value = sortableValue(orderBy, after.value)
  const further = `${column} ${operator} ${bindings.add(value)} or (${column} = ${bindings.add(value)} and ${beyond()})`
  return order === 'asc' ? `(${further} or ${column} is null)` : `(${further})`
}

function embedded(
  db: DatabaseSync,
  schema: Pick<Schema, 'models'>,
  { tenant, model, related }: ListRequest,
  row: RowValue,
): RowValue {
  const found: RowValue = {}
  for (const { name, relation, model: other } of related) {
    const bindings = new Bindings()
    const one = relation.type === 'belongsTo'
    const field = one ? other.primaryKey : (other.fields.get(relation.field) as Field)
    const value = row[one ? relation.field : model.primaryKey.name]
    const match = `${columnOf(field)} = ${bindings.add(toStored(field, value))}`
    const owned = ownedBy(schema, other, tenant, bindings)
    const text = `select ${columnsOf(other, 't.')} from ${quoted(other.table.name)} t where ${match} and ${owned}
      order by ${columnOf(other.primaryKey)} limit ${RELATED_MAX}`
    const rows = all(db, text, bindings.values).map((columns) => fromColumns(other, columns))
    found[name] = one ? (rows[0] ?? null) : rows
  }
  return found
}
