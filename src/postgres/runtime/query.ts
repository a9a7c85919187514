import type { Comparison, Condition, ListRequest, LoadRequest } from '../../core/adapter.ts'
import { PAGE_BYTES } from '../../core/rules/answer.ts'
import type { BoundField, BoundModel, BoundModels } from '../model/bound-model.ts'
import {
  boundField,
  entityId,
  keyColumns,
  keyCondition,
  keyValues,
  rowJson,
  rowSize,
  tenantCondition,
} from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { comparable, scalarValue, sortText } from '../model/column-values.ts'
import type { Call } from './plan.ts'

/**
 * Reads as statements. Identifiers come from the schema, values from parameters: the wire never gives a piece of
 * SQL. A row's stamp is read in the statement that reads the row: read apart, either before or after, a change
 * between the two would be lost to `readAt`.
 */

/** The stamp of a row that is there: its last entry, whoever it was told to. */
const stampOf = (s: string, entity: string, rel: number): string =>
  `coalesce((select l.position from ${s}.log l where (l.key, l.rel) = (${entity}, ${rel})
    order by l.key desc, l.rel desc, l.position desc limit 1), 0)`

/** One row and its stamp; a missing row has the stamp of what this tenant was told of it. */
export function loadCall(request: LoadRequest, bound: BoundModel, models: BoundModels, s: string): Call {
  const owned = tenantCondition(bound, models, 't', '$2::text')
  return {
    text: `select r.row as "row", case when r.id is not null then ${stampOf(s, 'r.id', bound.rel)}
  else ${s}.stamp_for(${bound.rel}, $1::text, $2::text, false) end::text as "stamp"
from (select) one left join lateral (
  select ${rowJson(bound, 't')} as row, ${entityId(bound, 't')} as id
  from ${bound.table} t
  where ${keyCondition(bound, 't', '$1::text')}${owned === null ? '' : ` and ${owned}`}) r on true`,
    values: [request.id, request.tenant ?? ''],
  }
}

/** Collects parameters while a statement is put together. */
class Parameters {
  readonly values: (string | null)[] = []
  add(value: string | null): string {
    this.values.push(value)
    return `$${this.values.length}::text`
  }
}

/** Rows that `related` embeds for one parent at most: enough for a screen, bounded for the server. */
const RELATED_MAX = 1000

/** What a list is of: the tenant's rows for which every condition holds. */
function matching(
  request: ListRequest,
  bound: BoundModel,
  models: BoundModels,
  tenant: string | null,
  parameters: Parameters,
): string[] {
  const owned = tenantCondition(bound, models, 't', tenant ?? 'null')
  const conditions = request.where.map((condition) => conditionSql(bound, condition, parameters))
  return owned === null ? conditions : [owned, ...conditions]
}

/** How many rows match, on all pages together. In the columns of a page's row: `page` in lists.sql runs both. */
export function countCall(request: ListRequest, bound: BoundModel, models: BoundModels): Call {
  const parameters = new Parameters()
  const scoped = bound.model.policy.by !== 'none' && request.tenant !== null
  const tenant = scoped ? parameters.add(request.tenant) : null
  const conditions = matching(request, bound, models, tenant, parameters)
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  return {
    text: `select null, null, count(*)::text, null, null from ${bound.table} t${where}`,
    values: parameters.values,
  }
}

/** A page of rows, one more than the limit, each with its id, the order field's value and its stamp. */
export function listCall(request: ListRequest, bound: BoundModel, models: BoundModels, s: string): Call {
  const parameters = new Parameters()
  // a parameter that no part of the statement uses is refused: its type cannot be told
  const scoped = [bound.model, ...request.related.map(({ model }) => model)].some(
    ({ policy }) => policy.by !== 'none',
  )
  const tenant = scoped && request.tenant !== null ? parameters.add(request.tenant) : null
  const conditions = matching(request, bound, models, tenant, parameters)
  const order = boundField(bound, request.orderBy.name)
  if (request.after !== undefined) conditions.push(afterSql(request, order, bound, parameters))
  const direction = request.order
  const byKey = keyColumns(bound, 't').map((name) => `${name} ${direction}`)
  const sorted = [
    ...(order === bound.key ? [] : [`${comparable(order.column, `t.${order.column.sql}`)} ${direction}`]),
    ...byKey,
  ].join(', ')
  const related = request.related.map((item) => relatedSql(item, bound, models, tenant ?? 'null'))
  const chosen = {
    fields: bound.fields.filter(
      ({ field }) => request.select === undefined || request.select.includes(field),
    ),
  }
  const json = rowJson(chosen, 't')
  const row = related.length === 0 ? json : `left(${json}, -1)${related.join('')} || '}'`
  // The innermost query finds the page, the next ends it where its rows are about too many bytes: JSON is made of no more
  // rows than are told. The outermost ends it where they are exactly too many.
  return {
    text: `select p."row", p."id", p."value", p."stamp", p."found"::text as "found" from (
select q.*, sum(octet_length(q."row")) over (order by q."place" rows unbounded preceding) - octet_length(q."row") as before
from (
select ${row} as "row",
  ${entityId(bound, 't')} as "id",
  ${sortText(order.column, `t.${order.column.sql}`)} as "value",
  ${stampOf(s, entityId(bound, 't'), bound.rel)}::text as "stamp", t."?found" as "found", t."?place" as "place"
from (
select t.*, count(*) over () as "?found", row_number() over () as "?place",
  sum(t."?size") over (rows unbounded preceding) - t."?size" as "?before"
from (
select t.*, ${[rowSize(chosen, 't'), ...request.related.map((item) => relatedSize(item, bound, models, tenant ?? 'null'))].join(' + ')} as "?size"
from ${bound.table} t
${conditions.length === 0 ? '' : `where ${conditions.join('\n  and ')}\n`}order by ${sorted}
limit ${request.limit + 1}) t) t where t."?before" < ${PAGE_BYTES}) q) p where p.before < ${PAGE_BYTES}`,
    values: parameters.values,
  }
}

/** A page in one call, see `page` in lists.sql. Its first row has the set's stamp and the count. */
export function pageCall(s: string, limitMs: string | null, page: Call, count: Call | null): Call {
  return {
    text: `select p."row", p."id", p."value", p."stamp", p."found"
from ${s}.page($1::${s}.time_limit, $2::text, $3::text::json, $4::text, $5::text::json) p`,
    values: [
      limitMs,
      page.text,
      JSON.stringify(page.values),
      count?.text ?? null,
      count === null ? null : JSON.stringify(count.values),
    ],
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

function conditionSql(bound: BoundModel, condition: Condition, parameters: Parameters): string {
  const joined = (conditions: readonly Condition[], by: string): string =>
    `(${conditions.map((one) => conditionSql(bound, one, parameters)).join(` ${by} `)})`
  if ('or' in condition) return joined(condition.or, 'or')
  if ('and' in condition) return joined(condition.and, 'and')
  if ('not' in condition) return `(not ${conditionSql(bound, condition.not, parameters)})`
  return comparisonSql(bound, condition, parameters)
}

function comparisonSql(
  bound: BoundModel,
  { field, operator, value }: Comparison,
  parameters: Parameters,
): string {
  const { column } = boundField(bound, field.name)
  const name = comparable(column, `t.${column.sql}`)
  const fitted = (sent: string): string => comparable(column, scalarValue(column.base, column.type, sent))
  const typed = (one: unknown): string => fitted(parameters.add(text(one)))
  switch (operator) {
    case 'IS':
    case 'IS NOT':
      return `${name} ${operator} ${value === null ? 'null' : String(value)}`
    case 'IN':
    case 'NOT IN': {
      const members = parameters.add(JSON.stringify(value))
      const member = fitted('m.v')
      const array = `array(select ${member} from json_array_elements_text(${members}::json) m(v))`
      return operator === 'IN' ? `${name} = any(${array})` : `${name} <> all(${array})`
    }
    case '!=':
      return `${name} <> ${typed(value)}`
    case 'LIKE':
    case 'NOT LIKE':
    case 'ILIKE':
    case 'NOT ILIKE':
      // an enum or a uuid that the schema calls a text has no LIKE of its own
      return `t.${column.sql}::text ${operator} ${parameters.add(text(value))}`
    case 'STARTS WITH':
      // not starts_with(): it refuses collations that are not deterministic
      return startsWith(`t.${column.sql}::text`, parameters.add(text(value)))
    case 'CONTAINS':
      return containsSql(column, `t.${column.sql}`, parameters.add(text(value)))
    default:
      return `${name} ${operator} ${typed(value)}`
  }
}

const startsWith = (value: string, beginning: string): string =>
  `left(${value}, char_length(${beginning})) collate "C" = ${beginning} collate "C"`

/** `@>` finds what `= any` finds, by an index where there is one; and is false, not unknown, beside a member that is null. */
function containsSql(column: Column, name: string, sent: string): string {
  const { base, type, elementType } = column
  const member = scalarValue(base, elementType, sent)
  const one = { ...column, isArray: false }
  if (comparable(one, 'm') === 'm') return `${name} operator(pg_catalog.@>) array[${member}]::${type}`
  const fits = `${comparable(one, 'm.v')} = ${comparable(one, member)}`
  return `case when ${name} is not null then exists (select from unnest(${name}) m(v) where ${fits}) end`
}

/** Rows after the cursor's: nulls are last ascending and first descending, as Postgres orders them by itself. */
function afterSql(
  request: ListRequest,
  order: BoundField,
  bound: BoundModel,
  parameters: Parameters,
): string {
  const { value, id } = request.after as { value: unknown; id: string }
  const operator = request.order === 'asc' ? '>' : '<'
  const keyName = keyColumns(bound, 't').join(', ')
  const keyValue = keyValues(bound, parameters.add(id)).join(', ')
  const beyond =
    bound.keys.length === 1 ? `${keyName} ${operator} ${keyValue}` : `(${keyName}) ${operator} (${keyValue})`
  if (order === bound.key) return beyond
  const name = comparable(order.column, `t.${order.column.sql}`)
  if (value === null) {
    return request.order === 'asc' ? `(${name} is null and ${beyond})` : `(${name} is not null or ${beyond})`
  }
  const { base, type } = order.column
  // of the column's type, however the value travels: a char(n) is sorted without its blanks
  const sent = `(${scalarValue(base, type, parameters.add(text(value)))})::${type}`
  const given = comparable(order.column, sent)
  const further = `(${name}, ${keyName}) ${operator} (${given}, ${keyValue})`
  const nulls = request.order === 'asc' && !order.column.notNull
  return nulls ? `(${further} or ${name} is null)` : further
}

/** The other model of a relation, and where its rows to one row are; confined to the tenant by the other model's policy. */
function relatedRows(
  { relation, model }: ListRequest['related'][number],
  bound: BoundModel,
  models: BoundModels,
  tenant: string,
): { readonly other: BoundModel; readonly key: string; readonly from: string } {
  const other = models.get(model.name) as BoundModel
  const owned = tenantCondition(other, models, 'r', tenant)
  const key = `r.${other.key.column.sql}`
  const match =
    relation.type === 'belongsTo'
      ? `${key} = t.${boundField(bound, relation.field).column.sql}`
      : `r.${boundField(other, relation.field).column.sql} = t.${bound.key.column.sql}`
  const and = owned === null ? '' : ` and ${owned}`
  return { other, key, from: `from ${other.table} r where ${match}${and}` }
}

/** About how many bytes `relatedSql` adds to a row. */
function relatedSize(
  item: ListRequest['related'][number],
  bound: BoundModel,
  models: BoundModels,
  tenant: string,
): string {
  const { other, key, from } = relatedRows(item, bound, models, tenant)
  return `coalesce((select sum(${rowSize(other, 'r')}) from (
    select r.* ${from} order by ${key} limit ${RELATED_MAX}) r), 0)`
}

/** A related row, or rows, as one more member of the row's JSON. */
function relatedSql(
  item: ListRequest['related'][number],
  bound: BoundModel,
  models: BoundModels,
  tenant: string,
): string {
  const { name, relation } = item
  const { other, key, from } = relatedRows(item, bound, models, tenant)
  const json = rowJson(other, 'r')
  if (relation.type === 'belongsTo') return ` || ',"${name}":' || coalesce((select ${json} ${from}), 'null')`
  const rows = `select ${json} as j, ${key} as k ${from} order by ${key} limit ${RELATED_MAX}`
  return ` || ',"${name}":[' || coalesce((select string_agg(m.j, ',' order by m.k) from (${rows}) m), '') || ']'`
}
