import type { Comparison, Condition, ListRequest, RowValue } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import type { Field, Model } from '../../core/schema/define.ts'
import { keyFields } from '../../core/schema/key.ts'
import { canonicalValue, compareValues, memberInfo, refusal } from '../../core/schema/kind.ts'
import { like } from './like.ts'
import type { Tables } from './tables.ts'
import { idFrom } from './tables.ts'

/** Rows that a relation embeds at most. */
const RELATED_MAX = 1000

/** The rows of the tenant for which every condition holds. */
export function matchingRows(tables: Tables, { tenant, model, where }: ListRequest): RowValue[] {
  return visibleRows(tables, tenant, model).filter((row) =>
    where.every((condition) => holds(condition, row) === true),
  )
}

/** The rows of a page, one too many when there is a next one, with relations embedded. */
export function queryRows(tables: Tables, request: ListRequest): RowValue[] {
  const { limit, after } = request
  const compare = rowOrder(request)
  const rows = matchingRows(tables, request).sort(compare)
  const start =
    after === undefined ? 0 : rows.findIndex((row) => compare(row, positionOf(request, after)) > 0)
  const page = start < 0 ? [] : rows.slice(start, start + limit + 1)
  return page.map((row) => ({ ...row, ...related(tables, request, row) }))
}

function visibleRows(tables: Tables, tenant: string | null, model: Model): RowValue[] {
  return [...tables.all(model).values()]
    .filter((stored) => tables.isVisible(tenant, model, stored))
    .map(({ row }) => row)
}

/** As SQL's ORDER BY: nulls last ascending and first descending, the primary key settles ties in the same direction. */
function rowOrder({ model, orderBy, order }: Pick<ListRequest, 'model' | 'orderBy' | 'order'>) {
  const direction = order === 'asc' ? 1 : -1
  return (one: RowValue, other: RowValue): number =>
    direction * (compareField(orderBy, one, other) || compareKeys(model, one, other))
}

/** By the fields of the key, in their order. */
export function compareKeys({ key }: Model, one: RowValue, other: RowValue): number {
  for (const field of key) {
    const order = compareField(field, one, other)
    if (order !== 0) return order
  }
  return 0
}

function compareField(field: Field, one: RowValue, other: RowValue): number {
  const [a, b] = [one[field.name], other[field.name]]
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  return compareValues(field, a, b)
}

/** Where the last page ended, as a row that can be compared; that row itself may be gone by now. */
function positionOf({ model, orderBy }: ListRequest, after: { value: unknown; id: string }): RowValue {
  if (after.value !== null && refusal(orderBy, after.value) !== null) throw new PosternError('cursor_invalid')
  return { ...keyFields(model, after.id), [orderBy.name]: canonicalValue(orderBy, after.value) }
}

/** Whether a condition holds for a row, with SQL's three values: null where it is neither true nor false. */
function holds(condition: Condition, row: RowValue): boolean | null {
  if ('or' in condition) return either(condition.or.map((one) => holds(one, row)))
  if ('and' in condition) return not(either(condition.and.map((one) => not(holds(one, row)))))
  if ('not' in condition) return not(holds(condition.not, row))
  return compared(condition, row[condition.field.name])
}

const not = (value: boolean | null): boolean | null => (value === null ? null : !value)

const either = (values: readonly (boolean | null)[]): boolean | null =>
  values.includes(true) ? true : values.includes(null) ? null : false

function compared({ field, operator, value }: Comparison, found: unknown): boolean | null {
  switch (operator) {
    case 'IS':
      return found === value
    case 'IS NOT':
      return found !== value
    case 'IN':
      if (members(value).length === 0) return false
      break
    case 'NOT IN':
      if (members(value).length === 0) return true
  }
  if (found === null || value === null) return null
  switch (operator) {
    case 'IN':
      return members(value).some((member) => compare(member) === 0)
    case 'NOT IN':
      return members(value).every((one) => compare(one) !== 0)
    case '=':
      return compare(value) === 0
    case '!=':
      return compare(value) !== 0
    case '<':
      return compare(value) < 0
    case '<=':
      return compare(value) <= 0
    case '>':
      return compare(value) > 0
    case '>=':
      return compare(value) >= 0
    case 'STARTS WITH':
      return (found as string).startsWith(value as string)
    case 'CONTAINS': {
      const member = memberInfo(field)
      const wanted = canonicalValue(member, value)
      return members(found).some((one) => one !== null && compareValues(member, one, wanted) === 0)
    }
    default: {
      const fits = like(found as string, value as string, operator.endsWith('ILIKE'))
      return operator.startsWith('NOT') ? !fits : fits
    }
  }

  function compare(wanted: unknown): number {
    return compareValues(field, found, canonicalValue(field, wanted))
  }
}

const members = (value: unknown): readonly unknown[] => value as readonly unknown[]

function related(tables: Tables, { tenant, model, related: wanted }: ListRequest, row: RowValue): RowValue {
  const embedded: RowValue = {}
  for (const { name, relation, model: other } of wanted) {
    if (relation.type === 'belongsTo') {
      const id = idFrom(other, row[relation.field])
      embedded[name] = id === null ? null : tables.visible(tenant, { model: other, id })
    } else {
      const id = idFrom(model, row[model.primaryKey.name])
      embedded[name] = visibleRows(tables, tenant, other)
        .filter((candidate) => idFrom(model, candidate[relation.field]) === id)
        .sort(rowOrder({ model: other, orderBy: other.primaryKey, order: 'asc' }))
        .slice(0, RELATED_MAX)
    }
  }
  return embedded
}
