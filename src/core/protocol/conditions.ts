import type { Comparison, Condition, Operator } from '../adapter.ts'
import type { Issue } from '../errors.ts'
import type { Field, Model } from '../schema/define.ts'
import { isOrdered, isText, memberInfo, refusal } from '../schema/kind.ts'

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
  'STARTS WITH',
  'CONTAINS',
]

export interface ConditionLimits {
  /** Members of IN and NOT IN at most. */
  readonly inMembers: number
  /** Conditions of `where` at most, those within `or`, `and` and `not` counted. */
  readonly conditions: number
  /**
   * Characters of a LIKE pattern at most. Matching one value takes the product of both lengths, and Postgres does not
   * look at its statement timeout meanwhile: half a million characters against a million take minutes.
   */
  readonly patternLength: number
}

/** How deep `or`, `and` and `not` may stand in each other. */
const DEPTH = 8

/** A condition as `authorize` and hand-written handlers see it: `[field, operator, value]`, or others joined. */
export type PlainCondition =
  | readonly [field: string, operator: string, value: unknown]
  | { readonly or: readonly PlainCondition[] }
  | { readonly and: readonly PlainCondition[] }
  | { readonly not: PlainCondition }

/**
 * Holds the conditions of a query against the schema. Operators have SQL's meaning, and so have `or`, `and` and `not`:
 * a comparison with null is neither true nor false, and its opposite is not either. `= null` would match nothing in SQL
 * and everything in somebody's head: it is refused, IS says it. Faults go to `issues`, each with its place.
 */
export function parseWhere(
  model: Model,
  where: readonly unknown[],
  limits: ConditionLimits,
  issues: Issue[],
): readonly Condition[] {
  const pointer = '/query/where'
  if (typeof where[0] === 'string') {
    issues.push({ pointer, message: 'expected an array of conditions, each an array' })
    return []
  }
  return new Conditions(model, limits, issues).all(where, pointer, 1)
}

class Conditions {
  readonly #model: Model
  readonly #limits: ConditionLimits
  readonly #issues: Issue[]
  #count = 0

  constructor(model: Model, limits: ConditionLimits, issues: Issue[]) {
    this.#model = model
    this.#limits = limits
    this.#issues = issues
  }

  all(items: readonly unknown[], pointer: string, depth: number): readonly Condition[] {
    // those of one array are counted before any is read: there may be a million
    if (!this.#counted(items.length)) return []
    return items.flatMap((item, index) => this.#one(item, `${pointer}/${index}`, depth) ?? [])
  }

  /** Whether so many more are still within the limit; the first that is not is told. */
  #counted(more: number): boolean {
    const { conditions } = this.#limits
    const before = this.#count
    this.#count += more
    if (this.#count <= conditions) return true
    if (before <= conditions) this.#refuse('/query/where', `at most ${conditions} conditions`)
    return false
  }

  #one(item: unknown, pointer: string, depth: number): Condition | null {
    if (Array.isArray(item)) return this.#comparison(item, pointer)
    const joined = typeof item === 'object' && item !== null ? Object.entries(item) : []
    const [name, value] = joined[0] ?? []
    if (joined.length !== 1 || (name !== 'or' && name !== 'and' && name !== 'not')) {
      return this.#refuse(
        pointer,
        'expected [field, value], [field, operator, value], or one of or, and, not with conditions',
      )
    }
    const at = `${pointer}/${name}`
    if (depth === DEPTH) return this.#refuse(at, `conditions stand in each other ${DEPTH} deep at most`)
    if (name === 'not') {
      const condition = this.#counted(1) ? this.#one(value, at, depth + 1) : null
      return condition === null ? null : { not: condition }
    }
    // nothing to choose from is true for some and false for others
    if (!Array.isArray(value) || value.length === 0 || typeof value[0] === 'string')
      return this.#refuse(at, 'expected an array of at least one condition')
    const conditions = this.all(value, at, depth + 1)
    return name === 'or' ? { or: conditions } : { and: conditions }
  }

  #comparison(item: readonly unknown[], pointer: string): Comparison | null {
    if (item.length !== 2 && item.length !== 3)
      return this.#refuse(pointer, 'expected [field, value] or [field, operator, value]')
    const [name, operator, value] = item.length === 2 ? [item[0], '=' as const, item[1]] : item
    const field = typeof name === 'string' ? this.#model.fields.get(name) : undefined
    if (field === undefined) return this.#refuse(`${pointer}/0`, 'not a field of this model')
    if (!isOperator(operator))
      return this.#refuse(`${pointer}/1`, `no operator; known are ${operators.join(', ')}`)
    const why = valueRefusal(field, operator, value, this.#limits)
    return why === null ? { field, operator, value } : this.#refuse(`${pointer}/${item.length - 1}`, why)
  }

  #refuse(pointer: string, message: string): null {
    this.#issues.push({ pointer, message })
    return null
  }
}

const isOperator = (given: unknown): given is Operator => operators.includes(given as Operator)

/** Only what can be compared and ordered alike on every store is compared; an array is asked for its members. */
function valueRefusal(
  field: Field,
  operator: Operator,
  value: unknown,
  limits: ConditionLimits,
): string | null {
  if (operator === 'IS' || operator === 'IS NOT') {
    if (value === null || (typeof value === 'boolean' && field.kind === 'boolean')) return null
    return field.kind === 'boolean' ? 'expected null, true or false' : 'expected null'
  }
  if (operator === 'CONTAINS') return memberRefusal(field, value)
  if (!isOrdered(field)) {
    const more = field.kind === 'array' ? ', and CONTAINS' : ''
    return `a field of kind ${field.kind} only takes IS null and IS NOT null${more}`
  }
  const isPattern = operator.endsWith('LIKE')
  if ((isPattern || operator === 'STARTS WITH') && !isText(field))
    return `${isPattern ? 'LIKE' : operator} needs a text field, this one is ${field.kind}`
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
  // a beginning need not be a value of the field: of an enum, say
  if (operator === 'STARTS WITH') return typeof value === 'string' ? textRefusal(value) : 'expected a text'
  const why = refusal(field, value)
  return why === null && isPattern ? patternRefusal(value as string, limits) : why
}

function memberRefusal(field: Field, value: unknown): string | null {
  if (field.kind !== 'array') return `CONTAINS needs an array, this field is of kind ${field.kind}`
  const member = memberInfo(field)
  if (!isOrdered(member)) return `an array of ${member.kind} cannot be asked for its members`
  return value === null ? 'null is never equal to a member' : refusal(member, value)
}

const textRefusal = (value: string): string | null => refusal({ kind: 'text' }, value)

function patternRefusal(pattern: string, { patternLength }: ConditionLimits): string | null {
  if (pattern.length > patternLength) return `a pattern of at most ${patternLength} characters`
  return /(^|[^\\])(\\\\)*\\$/.test(pattern) ? 'the pattern ends with its escape character' : null
}

/** Conditions as they were sent, every operator named. */
export const plainConditions = (where: readonly Condition[]): readonly PlainCondition[] =>
  where.map(plainCondition)

function plainCondition(condition: Condition): PlainCondition {
  if ('or' in condition) return { or: plainConditions(condition.or) }
  if ('and' in condition) return { and: plainConditions(condition.and) }
  if ('not' in condition) return { not: plainCondition(condition.not) }
  return [condition.field.name, condition.operator, condition.value]
}
