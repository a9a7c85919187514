import { z } from 'zod'
import { type $ZodType, parse, safeParse } from 'zod/v4/core'
import type { KindInfo } from './kind.ts'
import { holdsTime, isKeyKind, kindOf, unwrap } from './kind.ts'
import type { AnyModelDefinition, ModelDefinition, ModelOptions, Policy, Shape } from './model.ts'
import type { OperationType } from './operation.ts'
import { operationTypes, traitsOf } from './operation.ts'
import type { Relation } from './relation.ts'

/** One field of a model, with everything that reading or writing it needs. */
export interface Field extends KindInfo {
  readonly name: string
  readonly column: string
  /**
   * The zod type that a value must pass besides being of the kind; undefined for zod's own bigint and date, which
   * want JavaScript values that JSON cannot carry.
   */
  readonly check: $ZodType | undefined
  /** A create may leave it out. */
  readonly optional: boolean
  /** `null` is a value of it. */
  readonly nullable: boolean
  /** False for the primary key, the tenant and read-only fields: input can never set them. */
  readonly writable: boolean
  /** Set by every write, see `ModelOptions.touch`. */
  readonly touch: boolean
  /** Makes the value of a create that does not send one; from zod's `.default()` or the model's `defaults`. */
  readonly default: (() => unknown) | undefined
}

export type ResolvedPolicy =
  | { readonly by: 'column'; readonly column: string }
  | { readonly by: 'parent'; readonly fk: string; readonly parent: string }
  | { readonly by: 'none' }

/** A model as the rest of the library reads it. */
export interface Model {
  readonly name: string
  readonly table: { readonly schema: string | undefined; readonly name: string }
  readonly fields: ReadonlyMap<string, Field>
  /** The fields that together name a row, in the order in which an id lists them. */
  readonly key: readonly Field[]
  /** The first of them; all of it where the key is one field. */
  readonly primaryKey: Field
  readonly policy: ResolvedPolicy
  /** The field that holds the tenant, when the shape declares it. */
  readonly tenantField: Field | undefined
  readonly mutable: ReadonlySet<OperationType>
  readonly archive: Field | undefined
  readonly relations: ReadonlyMap<string, Relation>
  /** Undefined: the schema does not say, and triggers that another schema's migration installed stay. */
  readonly capture: boolean | undefined
  /** Columns that requests can neither see nor send, and that the application's ORM fills in; see `remapSchema`. */
  readonly hidden: readonly Field[]
}

export interface SchemaOptions {
  /** How field and model names become column and table names. `snake` (default): `projectId` is `project_id`. */
  casing?: 'snake' | 'same'
}

type Definitions = Readonly<Record<string, AnyModelDefinition>>

/** A set of models; see `defineSchema`. */
export interface Schema<D extends Definitions = Definitions> {
  readonly models: ReadonlyMap<string, Model>
  /** The declarations as given, for type inference. */
  readonly definitions: D
}

/** A relation must lead to a model of the schema. */
type KnownModels<D> = {
  readonly [M in keyof D]: D[M] extends { readonly relations: infer R }
    ? {
        readonly relations: {
          readonly [N in keyof R]: R[N] extends Relation<infer Type, infer Other, infer F>
            ? Other extends keyof D
              ? R[N]
              : Relation<Type, keyof D & string, F>
            : R[N]
        }
      }
    : D[M]
}

/**
 * Makes a schema: the allow-list of everything that the endpoint reads or writes.
 *
 * @throws TypeError naming model and field, when a declaration contradicts itself.
 * @example
 * export const schema = defineSchema({
 *   tasks: model({ fields: { title: z.string().min(1) }, mutable: true, policy: { by: 'column' } }),
 * })
 */
export function defineSchema<const D extends Definitions>(
  definitions: D & KnownModels<D>,
  options: SchemaOptions = {},
): Schema<D> {
  const models = new Map<string, Model>()
  for (const [name, definition] of Object.entries<AnyModelDefinition>(definitions)) {
    models.set(name, resolveModel(name, definition as ModelDefinition, options))
  }
  for (const model of models.values()) checkReferences(model, models)
  return { models, definitions }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

function resolveModel(name: string, definition: ModelDefinition, schema: SchemaOptions): Model {
  if (!NAME.test(name)) throw new TypeError(`model ${name}: a name is letters, digits and _`)
  const { shape, options } = definition
  const casing = schema.casing ?? 'snake'
  const keyNames = typeof options.primaryKey === 'object' ? options.primaryKey : [options.primaryKey ?? 'id']
  if (keyNames.length === 0 || new Set(keyNames).size < keyNames.length) {
    throw new TypeError(`${name}: primaryKey names no field, or one field twice`)
  }
  const policy = resolvePolicy(options.policy)
  const columns = (options.columns ?? {}) as Record<string, string>
  const fields = new Map<string, Field>()
  const [onlyKey = 'id'] = keyNames
  const missing = keyNames.find((one) => !Object.hasOwn(shape, one))
  // a key of one column may be left out; of several, each must be a field that a caller can read
  if (missing !== undefined && keyNames.length > 1) {
    throw new TypeError(`${name}.${missing}: named in primaryKey, but not a field`)
  }
  const declared: Shape = missing === undefined ? shape : { [onlyKey]: z.string(), ...shape }
  for (const [fieldName, type] of Object.entries(declared)) {
    if (!NAME.test(fieldName)) throw new TypeError(`${name}.${fieldName}: a name is letters, digits and _`)
    if (['__proto__', 'constructor', 'prototype'].includes(fieldName)) {
      throw new TypeError(`${name}.${fieldName}: this name is reserved`)
    }
    const column =
      (Object.hasOwn(columns, fieldName) ? columns[fieldName] : undefined) ?? cased(fieldName, casing)
    fields.set(fieldName, resolveField(name, fieldName, column, type, keyNames, policy, options))
  }
  for (const known of [...Object.keys(columns), ...(options.readOnly ?? []), ...touched(options)]) {
    if (!fields.has(known)) throw new TypeError(`${name}.${known}: named in the options, but not a field`)
  }
  const [first, second] = (options.table ?? cased(name, casing)).split('.', 2)
  const archive = archiveField(name, fields, options.archive)
  // without a field that input may set there is nothing that an UPDATE could say
  const updatable = [...fields.values()].some(({ writable }) => writable)
  return {
    name,
    table:
      second === undefined ? { schema: undefined, name: first ?? name } : { schema: first, name: second },
    fields,
    key: keyNames.map((one) => fields.get(one) as Field),
    primaryKey: fields.get(onlyKey) as Field,
    policy,
    tenantField:
      policy.by === 'column'
        ? [...fields.values()].find((field) => field.column === policy.column)
        : undefined,
    mutable: new Set(
      allowed(options.mutable, archive !== undefined).filter(
        (type) => traitsOf(type).input !== 'changes' || updatable,
      ),
    ),
    archive,
    relations: new Map(Object.entries(definition.relations)),
    capture: options.capture,
    hidden: [],
  }
}

function archiveField(
  model: string,
  fields: ReadonlyMap<string, Field>,
  named: ModelOptions['archive'],
): Field | undefined {
  if (named === false) return undefined
  const field = fields.get(named ?? 'archivedAt')
  if (named === undefined) return field !== undefined && holdsTime(field) ? field : undefined
  if (field === undefined) throw new TypeError(`${model}.${named}: named in the options, but not a field`)
  if (!holdsTime(field)) throw new TypeError(`${model}.${named}: the archive field must hold a time`)
  return field
}

function allowed(mutable: ModelOptions['mutable'], archivable: boolean): readonly OperationType[] {
  if (mutable === undefined || mutable === false) return []
  if (mutable !== true) return mutable
  return operationTypes.filter((type) => archivable || traitsOf(type).archives === undefined)
}

function resolveField(
  model: string,
  name: string,
  column: string,
  type: $ZodType,
  keyNames: readonly string[],
  policy: ResolvedPolicy,
  options: ModelOptions,
): Field {
  const info = kindOf(type)
  if (keyNames.includes(name) && !isKeyKind(info)) {
    throw new TypeError(`${model}.${name}: a primary key of kind ${info.kind} is not supported`)
  }
  const touch = touched(options).includes(name)
  if (touch && !holdsTime(info))
    throw new TypeError(`${model}.${name}: touch needs a field that holds a time`)
  const defaults = (options.defaults ?? {}) as Record<string, () => unknown>
  const own = Object.hasOwn(defaults, name) ? defaults[name] : undefined
  return {
    name,
    column,
    check: ['bigint', 'date'].includes(unwrap(type)._zod.def.type) ? undefined : type,
    ...info,
    optional: own !== undefined || touch || safeParse(type, undefined).success,
    nullable: safeParse(type, null).success || isOptional(type),
    writable:
      !keyNames.includes(name) &&
      !(policy.by === 'column' && policy.column === column) &&
      !(options.readOnly ?? []).includes(name),
    touch,
    default: own ?? zodDefault(type),
  }
}

/** `.optional()` alone also accepts null: rows carry null for what was left out, and callers send rows back. */
function isOptional(type: $ZodType): boolean {
  const def = type._zod.def as { type: string; innerType?: $ZodType }
  if (def.type === 'optional') return true
  return def.innerType === undefined ? false : isOptional(def.innerType)
}

function zodDefault(type: $ZodType): (() => unknown) | undefined {
  const def = type._zod.def as { type: string; innerType?: $ZodType }
  if (def.type === 'default' || def.type === 'prefault') return () => parse(type, undefined)
  return def.innerType === undefined ? undefined : zodDefault(def.innerType)
}

const touched = (options: ModelOptions): readonly string[] =>
  options.touch === undefined ? [] : typeof options.touch === 'string' ? [options.touch] : options.touch

function resolvePolicy(policy: Policy | undefined): ResolvedPolicy {
  if (policy === undefined) return { by: 'column', column: 'organization_id' }
  return policy.by === 'column' ? { by: 'column', column: policy.column ?? 'organization_id' } : policy
}

function checkReferences(model: Model, models: ReadonlyMap<string, Model>): void {
  for (const [name, { model: other, field, type }] of model.relations) {
    if (model.fields.has(name))
      throw new TypeError(`${model.name}.${name}: a relation and a field of one name`)
    const target = models.get(other)
    if (target === undefined) throw new TypeError(`${model.name}.${name}: there is no model ${other}`)
    const holder = type === 'belongsTo' ? model : target
    if (!holder.fields.has(field))
      throw new TypeError(`${model.name}.${name}: ${holder.name} has no field ${field}`)
    const referred = type === 'belongsTo' ? target : model
    if (referred.key.length > 1)
      throw new TypeError(
        `${model.name}.${name}: ${referred.name} has a key of several fields, which one field cannot refer to`,
      )
  }
  const seen = new Set([model.name])
  for (let at = model; at.policy.by === 'parent'; ) {
    const { fk, parent } = at.policy
    if (!at.fields.has(fk)) throw new TypeError(`${at.name}: the policy's fk ${fk} is not a field`)
    const next = models.get(parent)
    if (next === undefined) throw new TypeError(`${at.name}: the policy's parent ${parent} is not a model`)
    if (next.key.length > 1)
      throw new TypeError(
        `${at.name}: the policy's parent ${parent} has a key of several fields, which one field cannot refer to`,
      )
    if (seen.has(parent)) throw new TypeError(`${model.name}: the policy's parents form a circle`)
    seen.add(parent)
    at = next
  }
}

/** `projectId` to `project_id`; runs of capitals stay one word, `HTMLBody` to `html_body`. */
function cased(name: string, casing: 'snake' | 'same'): string {
  if (casing === 'same') return name
  return name
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
}
