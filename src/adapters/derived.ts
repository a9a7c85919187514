import { checkOptions, named, unknownName } from '../core/options.ts'
import type { ModelOptions, ModelTypes } from '../core/schema/model.ts'
import type { OperationType } from '../core/schema/operation.ts'
import type { Relation } from '../core/schema/relation.ts'

/** What a model made from an ORM's says beside what the ORM knows. Nothing is exposed that is not named here. */
export interface DerivedModelOptions<Fields extends string = string>
  extends Omit<
    ModelOptions,
    'table' | 'columns' | 'primaryKey' | 'readOnly' | 'archive' | 'touch' | 'defaults'
  > {
  /** The fields that requests see and, where the model is mutable, set. The primary key always comes along. */
  fields: readonly Fields[]
  /** Fields that are shown and not written; generated columns are so by themselves. */
  readOnly?: readonly Fields[]
  /** The field that ARCHIVE sets. Default `archivedAt` where that is among `fields`. */
  archive?: Fields
  /** Fields that every create and update sets to the time of the commit, beside those that the ORM says. */
  touch?: Fields | readonly Fields[]
  /** Unique NOT NULL fields to use as the key, for a table without a primary key or instead of it. */
  primaryKey?: Fields | readonly Fields[]
  /** Values made in this process for a create that does not send them; they go before the ORM's own. */
  defaults?: Partial<Record<Fields, () => unknown>>
  /** Beside those that the ORM declares between the exposed models. */
  relations?: Readonly<Record<string, Relation>>
}

/** The fields that options name. */
export type NamedField<O> =
  | (O extends { readonly fields: readonly (infer F extends string)[] } ? F : never)
  | KeyField<O>
type KeyField<O> = O extends { readonly primaryKey: infer K }
  ? K extends readonly (infer F extends string)[]
    ? F
    : K & string
  : never

/** What options say of a model at compile time, `Key` being the key that the ORM's types know. */
export type DerivedTypes<O, Key extends string> = ModelTypes<
  O extends { readonly mutable: infer M }
    ? M extends readonly (infer Op extends OperationType)[]
      ? Op
      : M extends true
        ? OperationType
        : never
    : never,
  [KeyField<O>] extends [never] ? Key : KeyField<O>,
  O extends { readonly primaryKey: readonly string[] } ? true : false,
  O extends { readonly readOnly: readonly (infer F extends string)[] } ? F : never
>

/** The names of a table and its columns as an ORM declares them, for tools that write what is to be exposed. */
export interface DeclaredTable {
  /** What its model is called. */
  readonly name: string
  readonly table: { readonly schema: string | undefined; readonly name: string }
  /** The fields of the primary key; empty where the ORM knows none. */
  readonly key: readonly string[]
  /** The field of each column, by the column. */
  readonly fields: ReadonlyMap<string, string>
}

/** By model. */
export type DerivedModels = Readonly<Record<string, DerivedModelOptions>>

/** Is told of what an ORM declares and a schema has no place for. Default: a warning of the process. */
export type OnNote = (note: string) => void

export const warn: OnNote = (note) => process.emitWarning(note, { type: 'PosternWarning' })

/**
 * Checks that everything that is named is there.
 *
 * @throws TypeError naming the model or field, with the nearest one that exists
 */
export function checkExposure(
  owner: string,
  models: unknown,
  known: ReadonlyMap<string, readonly string[]>,
): asserts models is DerivedModels {
  if (typeof models !== 'object' || models === null)
    throw new TypeError(
      `${owner}: name the models to expose, as { name: { fields: [...] } }, not ${named(models)}.`,
    )
  for (const [name, given] of Object.entries(models)) {
    const fields = known.get(name)
    if (fields === undefined) throw unknownName(owner, 'model', name, [...known.keys()])
    const at = `${owner}: ${name}`
    checkOptions<DerivedModelOptions>(
      at,
      given,
      {
        fields: 'array',
        readOnly: 'array',
        archive: 'text',
        touch: ['text', 'array'],
        primaryKey: ['text', 'array'],
        defaults: 'object',
        relations: 'object',
        policy: 'object',
        mutable: ['boolean', 'array'],
        capture: 'boolean',
      },
      { omit: 'name what is exposed under "fields" instead' },
    )
    const own = given as DerivedModelOptions
    if (own.fields === undefined)
      throw new TypeError(
        `${at}: name the fields to expose, as fields: [...]; there are ${fields.join(', ')}.`,
      )
    const everywhere = [own.fields, own.readOnly, own.archive, own.touch, own.primaryKey].flat()
    for (const field of [...everywhere, ...Object.keys(own.defaults ?? {})]) {
      if (field !== undefined && !fields.includes(field)) throw unknownName(at, 'field', field, fields)
    }
  }
}

/** The fields of a model's key, as `defineSchema` takes them. */
export function keyOf(
  owner: string,
  own: DerivedModelOptions,
  declared: readonly string[],
): string | readonly string[] {
  const key = own.primaryKey === undefined ? declared : [own.primaryKey].flat()
  const [first, ...others] = key
  if (first === undefined) {
    throw new TypeError(
      `${owner}: the table has no primary key; name fields that are unique and NOT NULL, as primaryKey: [...].`,
    )
  }
  return others.length === 0 ? first : key
}

/** What is named, the key first, each once. */
export const exposed = (own: DerivedModelOptions, key: string | readonly string[]): string[] => [
  ...new Set([...[key].flat(), ...own.fields]),
]

/** @throws TypeError when rows are said to belong to the tenant of a column that the table does not have. */
export function checkTenant(
  owner: string,
  { policy }: DerivedModelOptions,
  columns: readonly string[],
  hasTenantField: boolean,
): void {
  if (policy !== undefined && policy.by !== 'column') return
  const column = policy?.column ?? 'organization_id'
  if (columns.includes(column) || (policy?.column === undefined && hasTenantField)) return
  throw new TypeError(
    `${owner}: the table has no column ${column}; say whose rows these are, as policy: { by: 'column', column: ... }, { by: 'parent', ... } or { by: 'none' }.`,
  )
}
