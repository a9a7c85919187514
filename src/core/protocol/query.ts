import type { Adapter, ListRequest } from '../adapter.ts'
import type { Issue } from '../errors.ts'
import { issuesError } from '../errors.ts'
import type { Field, Model, Schema } from '../schema/define.ts'
import { isOrdered } from '../schema/kind.ts'
import { type ConditionLimits, type PlainCondition, parseWhere, plainConditions } from './conditions.ts'
import { cursorBinding, type LongValue, openListCursor, sealListCursor } from './cursor.ts'
import type { ListShape } from './request.ts'

export interface QueryLimits extends ConditionLimits {
  /** Rows of a page when the query names no limit. */
  readonly listDefault: number
  /** Rows of a page at most; a larger limit is refused. */
  readonly listMax: number
}

export type ParsedQuery = Omit<ListRequest, 'tenant' | 'scope' | 'requestId'>

/**
 * Holds a list query against the schema.
 *
 * @throws PosternError `invalid_query` with every fault and its place; `cursor_invalid` for a foreign cursor.
 */
export function parseQuery(
  schema: Schema,
  model: Model,
  given: ListShape['query'],
  tenant: string | null,
  limits: QueryLimits,
  listCursors: Adapter['listCursors'] = 'sealed',
): ParsedQuery {
  const issues: Issue[] = []
  const query = given ?? {}
  const where = parseWhere(model, query.where ?? [], limits, issues)
  const order = parseOrder(query.order, issues)
  const orderBy = parseOrderBy(model, query.orderBy, issues)
  const limit = parseLimit(query.limit, limits.listDefault, limits.listMax, '/query/limit', issues)
  const select = parseSelect(model, query.select, issues)
  const count = parseCount(query.count, issues)
  const related = parseRelated(schema, model, query.related, issues)
  const cursor = parseCursor(query.cursor, issues)
  if (issues.length > 0) throw issuesError('invalid_query', issues)
  const binding = cursorBinding([tenant, model.name, plainConditions(where), orderBy.name, order])
  return {
    model,
    where,
    orderBy,
    order,
    limit,
    cursor,
    ...(select !== undefined && { select }),
    ...(count && { count }),
    ...(cursor === undefined || listCursors === 'own'
      ? { after: undefined }
      : pageStart(openListCursor(cursor, binding, orderBy, model))),
    related,
    cursorAfter: (value, id) => sealListCursor(binding, value, id),
  }
}

function parseOrder(order: unknown, issues: Issue[]): 'asc' | 'desc' {
  if (order == null || order === 'asc') return 'asc'
  if (order !== 'desc') issues.push({ pointer: '/query/order', message: 'expected asc or desc' })
  return 'desc'
}

function parseOrderBy(model: Model, orderBy: unknown, issues: Issue[]): Field {
  if (orderBy == null) return model.primaryKey
  const field = typeof orderBy === 'string' ? model.fields.get(orderBy) : undefined
  if (field === undefined || !isOrdered(field)) {
    issues.push({
      pointer: '/query/orderBy',
      message: field === undefined ? 'not a field of this model' : `cannot order by kind ${field.kind}`,
    })
    return model.primaryKey
  }
  return field
}

function pageStart({
  value,
  id,
  isLong,
}: ReturnType<typeof openListCursor>): Pick<ListRequest, 'after' | 'afterRow'> {
  if (!isLong) return { after: { value, id } }
  return { after: undefined, afterRow: { id, sha256: (value as LongValue).sha256 } }
}

/** The chosen fields in the schema's order, with the key, which names the row. */
function parseSelect(model: Model, select: unknown, issues: Issue[]): readonly Field[] | undefined {
  if (select == null) return undefined
  const pointer = '/query/select'
  if (!Array.isArray(select) || select.length > model.fields.size) {
    issues.push({ pointer, message: 'expected an array of fields, each once' })
    return undefined
  }
  for (const [index, name] of select.entries()) {
    if (typeof name !== 'string' || !model.fields.has(name))
      issues.push({ pointer: `${pointer}/${index}`, message: 'not a field of this model' })
  }
  return [...model.fields.values()].filter(
    (field) => model.key.includes(field) || select.includes(field.name),
  )
}

function parseCount(count: unknown, issues: Issue[]): boolean {
  if (count != null && typeof count !== 'boolean')
    issues.push({ pointer: '/query/count', message: 'expected true or false' })
  return count === true
}

function parseCursor(cursor: unknown, issues: Issue[]): string | undefined {
  if (cursor == null) return undefined
  if (typeof cursor === 'string') return cursor
  issues.push({ pointer: '/query/cursor', message: 'expected a string' })
  return undefined
}

/** A page's size: whole, at least 1, never silently cut to the cap. */
export function parseLimit(
  limit: unknown,
  fallback: number,
  max: number,
  pointer: string,
  issues: Issue[],
): number {
  if (limit == null) return fallback
  if (Number.isSafeInteger(limit) && (limit as number) >= 1 && (limit as number) <= max)
    return limit as number
  issues.push({ pointer, message: `expected a whole number from 1 to ${max}` })
  return fallback
}

function parseRelated(
  schema: Schema,
  model: Model,
  related: unknown,
  issues: Issue[],
): ListRequest['related'] {
  if (related == null) return []
  if (!Array.isArray(related)) {
    issues.push({ pointer: '/query/related', message: 'expected an array of relation names' })
    return []
  }
  // not indexOf: a body holds a hundred thousand names, and looking through them for each takes seconds
  const seen = new Set<unknown>()
  return related.flatMap((name, index) => {
    if (seen.has(name)) return []
    seen.add(name)
    const relation = typeof name === 'string' ? model.relations.get(name) : undefined
    const other = relation && schema.models.get(relation.model)
    if (relation !== undefined && other !== undefined)
      return [{ name: name as string, relation, model: other }]
    issues.push({ pointer: `/query/related/${index}`, message: 'not a relation of this model' })
    return []
  })
}

/** A list's query as `authorize` and hand-written handlers see it: held against the schema, every default filled in. */
export interface PlainQuery {
  /** All of them must hold. */
  readonly where: readonly PlainCondition[]
  readonly orderBy: string
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** The cursor as the caller sent it. */
  readonly cursor: string | undefined
  /** Names of the fields that are asked for, the key's among them; undefined: all. */
  readonly select: readonly string[] | undefined
  /** Whether `total`, the number of all rows that match, is asked for. */
  readonly count: boolean
  readonly related: readonly string[]
}

export function plainQuery(request: ListRequest): PlainQuery {
  const { where, orderBy, order, limit, cursor, select, count = false, related } = request
  return {
    where: plainConditions(where),
    orderBy: orderBy.name,
    order,
    limit,
    cursor,
    select: select?.map(({ name }) => name),
    count,
    related: related.map(({ name }) => name),
  }
}
