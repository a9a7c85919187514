import type { Adapter, Condition, ListRequest, Operator } from '../adapter.ts'
import type { Issue } from '../errors.ts'
import { issuesError } from '../errors.ts'
import type { Field, Model, Schema } from '../schema/define.ts'
import { isOrdered, isText, refusal } from '../schema/kind.ts'
import { cursorBinding, type LongValue, openListCursor, sealListCursor } from './cursor.ts'
import type { ListShape } from './request.ts'

const operators: readonly Operator[] = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'IN',
  'NOT IN',
  'IS',
  'IS NOT',
  'LIKE',
  'NOT LIKE',
  'ILIKE',
  'NOT ILIKE',
]

/** What can be compared and ordered alike on every store; JSON and arrays only know being there or not. */
export interface QueryLimits {
  /** Rows of a page when the query names no limit. */
  readonly listDefault: number
  /** Rows of a page at most; a larger limit is refused. */
  readonly listMax: number
  /** Members of IN and NOT IN at most. */
  readonly inMembers: number
  /** Conditions of `where` at most. */
  readonly conditions: number
  /**
   * Characters of a LIKE pattern at most. Matching one value takes the product of both lengths, and Postgres does not
   * look at its statement timeout meanwhile: half a million characters against a million take minutes.
   */
  readonly patternLength: number
}

export type ParsedQuery = Omit<ListRequest, 'tenant' | 'scope' | 'requestId'>

/**
 * Holds a list query against the schema. Operators have SQL's meaning, conditions are anded, so several may stand
 * on one field. `= null` would match nothing in SQL and everything in somebody's head: it is refused, IS says it.
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
  const related = parseRelated(schema, model, query.related, issues)
  const cursor = parseCursor(query.cursor, issues)
  if (issues.length > 0) throw issuesError('invalid_query', issues)
  const conditions = where.map(({ field, operator, value }) => [field.name, operator, value])
  const binding = cursorBinding([tenant, model.name, conditions, orderBy.name, order])
  return {
    model,
    where,
    orderBy,
    order,
    limit,
    cursor,
    ...(cursor === undefined || listCursors === 'own'
      ? { after: undefined }
      : pageStart(openListCursor(cursor, binding, orderBy, model))),
    related,
    cursorAfter: (value, id) => sealListCursor(binding, value, id),
  }
}

function parseWhere(
  model: Model,
  where: readonly unknown[],
  limits: QueryLimits,
  issues: Issue[],
): Condition[] {
  const pointer = '/query/where'
  if (where.length > limits.conditions) {
    issues.push({ pointer, message: `at most ${limits.conditions} conditions` })
    return []
  }
  const bare = where.length > 0 && typeof where[0] === 'string'
  if (bare) issues.push({ pointer, message: 'expected an array of conditions, each an array' })
  return bare
    ? []
    : where.flatMap((item, index) => parseCondition(model, item, `${pointer}/${index}`, limits, issues) ?? [])
}

function parseCondition(
  model: Model,
  item: unknown,
  pointer: string,
  limits: QueryLimits,
  issues: Issue[],
): Condition | null {
  const refuse = (message: string, at = pointer): null => {
    issues.push({ pointer: at, message })
    return null
  }
  if (!Array.isArray(item) || (item.length !== 2 && item.length !== 3)) {
    return refuse('expected [field, value] or [field, operator, value]')
  }
  const [name, operator, value] = item.length === 2 ? [item[0], '=', item[1]] : item
  const field = typeof name === 'string' ? model.fields.get(name) : undefined
  if (field === undefined) return refuse('not a field of this model', `${pointer}/0`)
  if (!operators.includes(operator))
    return refuse(`no operator; known are ${operators.join(', ')}`, `${pointer}/1`)
  const why = valueRefusal(field, operator, value, limits)
  return why === null ? { field, operator, value } : refuse(why, `${pointer}/${item.length - 1}`)
}

function valueRefusal(field: Field, operator: Operator, value: unknown, limits: QueryLimits): string | null {
  if (operator === 'IS' || operator === 'IS NOT') {
    if (value === null || (typeof value === 'boolean' && field.kind === 'boolean')) return null
    return field.kind === 'boolean' ? 'expected null, true or false' : 'expected null'
  }
  if (!isOrdered(field)) return `a field of kind ${field.kind} only takes IS null and IS NOT null`
  if (operator.endsWith('LIKE') && !isText(field)) return `LIKE needs a text field, this one is ${field.kind}`
  if (operator === 'IN' || operator === 'NOT IN') {
    if (!Array.isArray(value)) return 'expected an array'
    if (value.length > limits.inMembers) return `at most ${limits.inMembers} members`
    for (const member of value) {
      const why = member === null ? 'null cannot be a member; use IS null' : refusal(field, member)
      if (why !== null) return why
    }
    return null
  }
  if (value === null)
    return operator === '=' || operator === '!='
      ? 'null is never equal; use IS or IS NOT'
      : 'null cannot be compared'
  const why = refusal(field, value)
  return why === null && operator.endsWith('LIKE') ? patternRefusal(value as string, limits) : why
}

function patternRefusal(pattern: string, { patternLength }: QueryLimits): string | null {
  if (pattern.length > patternLength) return `a pattern of at most ${patternLength} characters`
  return /(^|[^\\])(\\\\)*\\$/.test(pattern) ? 'the pattern ends with its escape character' : null
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
  return [...new Set(related)].flatMap((name, index) => {
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
  /** Each `[field, operator, value]`; all of them must hold. */
  readonly where: readonly (readonly [string, string, unknown])[]
  readonly orderBy: string
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** The cursor as the caller sent it. */
  readonly cursor: string | undefined
  readonly related: readonly string[]
}

export function plainQuery({ where, orderBy, order, limit, cursor, related }: ListRequest): PlainQuery {
  return {
    where: where.map(({ field, operator, value }) => [field.name, operator, value]),
    orderBy: orderBy.name,
    order,
    limit,
    cursor,
    related: related.map(({ name }) => name),
  }
}
