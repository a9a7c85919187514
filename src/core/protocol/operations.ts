import { z } from 'zod'
import { safeParse } from 'zod/v4/core'
import type { OnStale, Operation } from '../adapter.ts'
import type { Issue } from '../errors.ts'
import { issuesError, PosternError } from '../errors.ts'
import type { Field, Model, Schema } from '../schema/define.ts'
import { canonicalKey, keyFields, keyOf, keyText } from '../schema/key.ts'
import { canonicalId, refusal } from '../schema/kind.ts'
import { type OperationType, operationTypes, traitsOf } from '../schema/operation.ts'
import { pointer, toIssues } from './request.ts'

/** Stamps stay below 2^48: that is the room a position has in the feed's registry. */
const MAX_STAMP = 2 ** 48 - 1

const modes: Record<string, OnStale> = {
  reject: 'reject',
  overwrite: 'overwrite',
  force: 'overwrite',
  notify: 'notify',
  flag: 'notify',
  merge: 'merge',
}

const shape = z.strictObject({
  type: z.enum(operationTypes),
  model: z.string(),
  id: z.union([z.string().min(1), z.int()]).nullish(),
  input: z.record(z.string(), z.unknown()).nullish(),
  transactionId: z.string().max(255).nullish(),
  readAt: z.int().min(0).max(MAX_STAMP).nullish(),
  onStale: z.enum(Object.keys(modes)).nullish(),
})

/**
 * Holds the operations of a commit against the schema: known model, permitted operation, writable fields, values
 * of the field's kind that also pass the field's own zod type. All faults are reported at once, each with its
 * place. What comes out can be applied as it is.
 *
 * @throws PosternError `source_commit_invalid`, `source_operation_id_required`, `source_model_not_configured`.
 */
export function parseOperations(
  schema: Schema,
  given: readonly unknown[],
  options: { max: number; tenant: string | null; model?: string | null | undefined },
): Operation[] {
  if (given.length === 0) {
    throw issuesError('source_commit_invalid', [
      { pointer: '/operations', message: 'a commit needs an operation' },
    ])
  }
  if (given.length > options.max) {
    const message = `at most ${options.max} operations in one commit`
    throw issuesError('source_commit_invalid', [{ pointer: '/operations', message }])
  }
  const issues: Issue[] = []
  const operations: Operation[] = []
  for (const [index, item] of given.entries()) {
    const base = `/operations/${index}`
    const parsed = shape.safeParse(withModel(item, options.model))
    if (!parsed.success) tell(issues, base, parsed.error.issues)
    else {
      const operation = parseOperation(schema, parsed.data, index, options.tenant, issues)
      if (operation !== null) operations.push(operation)
    }
  }
  if (issues.length > 0) throw issuesError('source_commit_invalid', issues)
  return operations
}

/** The commit may name the model once for all operations. */
export function withModel(item: unknown, model: string | null | undefined): unknown {
  const bare = typeof item === 'object' && item !== null && !('model' in item)
  return bare && model != null ? { ...item, model } : item
}

function parseOperation(
  schema: Schema,
  given: z.output<typeof shape>,
  index: number,
  tenant: string | null,
  issues: Issue[],
): Operation | null {
  const base = `/operations/${index}`
  const model = schema.models.get(given.model)
  if (model === undefined) {
    throw new PosternError('source_model_not_configured', undefined, {
      details: { pointer: `${base}/model` },
    })
  }
  if (!model.mutable.has(given.type)) {
    issues.push({ pointer: `${base}/type`, message: `${given.type} is not allowed on ${model.name}` })
    return null
  }
  const input = given.input ?? {}
  const { needsRow, input: takes } = traitsOf(given.type)
  if (takes === 'none' && Object.keys(input).length > 0) {
    issues.push({ pointer: `${base}/input`, message: `${given.type} takes no input` })
  }
  const before = issues.length
  const place: Place = { model, base, tenant, id: given.id, issues }
  const values =
    takes === 'whole' ? wholeInput(place, input) : takes === 'changes' ? sentInput(place, input) : {}
  const sent = given.id ?? (needsRow ? undefined : (keyOf(model, input) ?? undefined))
  const made = sent ?? (needsRow ? undefined : madeKey(model, input))
  if (made == null && needsRow) {
    throw new PosternError('source_operation_id_required', undefined, { details: { pointer: `${base}/id` } })
  }
  if (made == null && model.key.length > 1) {
    issues.push({ pointer: `${base}/id`, message: `is required: expected ${keyText(model)}` })
  }
  const id = made == null ? null : canonicalKey(model, made)
  if (made != null && id === null)
    issues.push({ pointer: `${base}/id`, message: `invalid id: expected ${keyText(model)}` })
  if (issues.length > before) return null
  const { tenantField } = model
  if (id !== null && tenantField !== undefined && model.key.length > 1 && model.key.includes(tenantField)) {
    // a key that holds the tenant is the caller's own, or of nobody
    if (!needsRow && String(keyFields(model, id)[tenantField.name]) !== tenant) {
      issues.push({ pointer: `${base}/id`, message: `${tenantField.name} must be the caller's own` })
      return null
    }
  }
  // a row that has its parent's key: whose it is shows in its own key
  const { policy } = model
  if (
    !needsRow &&
    id !== null &&
    policy.by === 'parent' &&
    model.key.some(({ name }) => name === policy.fk)
  ) {
    values[policy.fk] = keyFields(model, id)[policy.fk]
  }
  return {
    index,
    type: given.type,
    model,
    id,
    input: values,
    readAt: given.readAt ?? null,
    onStale: modes[given.onStale ?? 'reject'] ?? 'reject',
    transactionId: given.transactionId ?? null,
  }
}

/** The id of a create that sends none: from the values that the schema makes for its key, where it makes all. */
function madeKey(model: Model, input: Record<string, unknown>): string | undefined {
  // a key may be called `valueOf`: what is inherited was not sent
  const own = (name: string): unknown => (Object.hasOwn(input, name) ? input[name] : undefined)
  const values = Object.fromEntries(model.key.map(({ name, default: make }) => [name, own(name) ?? make?.()]))
  return keyOf(model, values) ?? undefined
}

/** Whose input is being read, and where its faults go. */
interface Place {
  readonly model: Model
  /** JSON pointer of the operation. */
  readonly base: string
  readonly tenant: string | null
  readonly id: string | number | null | undefined
  readonly issues: Issue[]
}

/** The fields that were sent, as an update takes them. */
function sentInput(place: Place, input: Record<string, unknown>): Record<string, unknown> {
  const { model, base, issues } = place
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input)) {
    const at = base + pointer(['input', name])
    const field = model.fields.get(name)
    if (field === undefined) issues.push({ pointer: at, message: 'not a field of this model' })
    else if (field.writable) values[name] = checked(field, value, at, issues)
    else if (!repeats(place, field, value)) issues.push({ pointer: at, message: 'cannot be written' })
  }
  return values
}

/** Callers send whole rows back: id and tenant may stand in the input where they say what is so anyway. */
function repeats({ model, tenant, id }: Place, field: Field, value: unknown): boolean {
  const place = model.key.indexOf(field)
  if (place >= 0) {
    const canonical =
      typeof value === 'string' || typeof value === 'number' ? canonicalId(field.kind, value) : null
    if (canonical === null || id == null) return canonical !== null
    const whole = canonicalKey(model, id)
    return whole !== null && String(keyFields(model, whole)[field.name]) === canonical
  }
  return field === model.tenantField && tenant !== null && value === tenant
}

/** The fields that were sent and the defaults of those that were not, as a create takes them. */
function wholeInput(place: Place, input: Record<string, unknown>): Record<string, unknown> {
  const { model, base, issues } = place
  const values = sentInput(place, input)
  for (const field of model.fields.values()) {
    if (!field.writable || Object.hasOwn(input, field.name)) continue
    const at = base + pointer(['input', field.name])
    if (field.default !== undefined) values[field.name] = checked(field, field.default(), at, issues)
    else if (!field.optional) issues.push({ pointer: at, message: 'is required' })
  }
  return values
}

function checked(field: Field, value: unknown, place: string, issues: Issue[]): unknown {
  if (value === null) {
    if (!field.nullable) issues.push({ pointer: place, message: 'must not be null' })
    return null
  }
  const why = refusal(field, value)
  if (why !== null) {
    issues.push({ pointer: place, message: why })
    return null
  }
  if (field.check === undefined) return value
  const parsed = safeParse(field.check, value)
  if (parsed.success) return parsed.data
  tell(issues, place, parsed.error.issues)
  return null
}

/** One after the other: hundreds of thousands, for each member of an array one, are too many arguments of a call. */
function tell(issues: Issue[], place: string, found: readonly Parameters<typeof toIssues>[1][]): void {
  for (const issue of found) issues.push(...toIssues(place, issue))
}

/** An operation as `authorize` and hand-written handlers see it: checked, defaults filled in, and plain data. */
export interface PlainOperation {
  readonly type: OperationType
  readonly model: string
  readonly id: string | null
  readonly input: Readonly<Record<string, unknown>>
  readonly readAt: number | null
  readonly onStale: OnStale
  readonly transactionId: string | null
}

export function plainOperation({
  type,
  model,
  id,
  input,
  readAt,
  onStale,
  transactionId,
}: Operation): PlainOperation {
  return { type, model: model.name, id, input, readAt, onStale, transactionId }
}
