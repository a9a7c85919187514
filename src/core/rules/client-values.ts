import { Buffer } from 'node:buffer'
import type { Adapter, CommitRequest, Operation } from '../adapter.ts'
import { PosternError } from '../errors.ts'
import type { Field, Model, Schema } from '../schema/define.ts'
import { canonicalId, refusal } from '../schema/kind.ts'
import { traitsOf } from '../schema/operation.ts'

/** Makes one value. `now` is the same for all values of one request. */
export type Maker = (now: Date) => unknown

/** Makers of the values that an ORM gives a model's columns in this process, by field, in the ORM's order. */
export interface ClientValues {
  /** For a create that does not send the field. */
  readonly create: ReadonlyMap<string, Maker>
  /** For an update that does not send the field. A field that is merely touched belongs into `touch`. */
  readonly update: ReadonlyMap<string, Maker>
}

/**
 * An adapter whose creates and updates get the values that the ORM's own would get. They are filled in behind the
 * endpoint: what was sent is the intent, what is made here is not, or no retry would ever replay.
 */
export function withClientValues<A extends Adapter>(
  adapter: A,
  schema: Pick<Schema, 'models'>,
  values: ReadonlyMap<string, ClientValues>,
): A {
  if (values.size === 0) return adapter
  const withValues = (request: CommitRequest): CommitRequest => {
    const now = new Date()
    const fill = (operation: Operation): Operation => {
      const model = schema.models.get(operation.model.name)
      const made = values.get(operation.model.name)
      return model === undefined || made === undefined ? operation : filled(operation, model, made, now)
    }
    return { ...request, operations: request.operations.map(fill) }
  }
  return {
    ...adapter,
    commit: async (request: CommitRequest) => adapter.commit(withValues(request)),
    ...(adapter.commitWithin && {
      commitWithin: async (tx: unknown, request: CommitRequest) =>
        adapter.commitWithin?.(tx, withValues(request)),
    }),
  }
}

function filled(operation: Operation, model: Model, values: ClientValues, now: Date): Operation {
  const { type } = operation
  const { input: takes } = traitsOf(type)
  if (takes === 'none') return operation
  const input: Record<string, unknown> = { ...operation.input }
  let { id } = operation
  for (const [name, make] of takes === 'whole' ? values.create : values.update) {
    if (model.key.length === 1 && name === model.primaryKey.name) {
      if (id === null) id = idOf(model, call(model, name, make, now))
      continue
    }
    const shown = model.fields.get(name)
    const field = shown?.writable ? shown : model.hidden.find((hidden) => hidden.name === name)
    if (field !== undefined && !Object.hasOwn(input, name)) {
      input[name] = travelling(model, field, call(model, name, make, now))
    }
  }
  return { ...operation, id, input }
}

function call(model: Model, name: string, make: Maker, now: Date): unknown {
  try {
    return make(now)
  } catch (error) {
    if (error instanceof PosternError) throw error
    throw new PosternError(
      'source_adapter_misconfigured',
      `${model.name}.${name}: the function that makes its value threw.`,
      { cause: error },
    )
  }
}

function idOf(model: Model, made: unknown): string {
  const value = travelling(model, model.primaryKey, made)
  const id = canonicalId(model.primaryKey.kind, value as string | number)
  if (id === null) throw misfit(model, model.primaryKey, `no id of kind ${model.primaryKey.kind}`)
  return id
}

/** A JavaScript value in the form in which values of the field's kind travel. */
function travelling(model: Model, field: Field, made: unknown): unknown {
  const value = plain(made)
  const why = value === null ? null : (misfitOf(value) ?? refusal(field, value))
  if (why === null) return value
  throw misfit(model, field, why)
}

/** What JSON would change without a word. */
function misfitOf(value: unknown): string | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'not a finite number'
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function')
    return 'a promise: its function must not be async'
  return Array.isArray(value) ? (value.map(misfitOf).find((why) => why !== null) ?? null) : null
}

function plain(made: unknown): unknown {
  if (made === undefined) return null
  if (typeof made === 'bigint') return String(made)
  if (made instanceof Date) return Number.isNaN(made.getTime()) ? Number.NaN : made.toISOString()
  if (made instanceof Uint8Array) return Buffer.from(made).toString('base64')
  return Array.isArray(made) ? made.map(plain) : made
}

const misfit = (model: Model, field: Field, why: string): PosternError =>
  new PosternError(
    'source_adapter_misconfigured',
    `${model.name}.${field.name}: the ORM's own value cannot be used (${why}). Give one under the schema's defaults, or send the field.`,
  )
