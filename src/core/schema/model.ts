import type { z } from 'zod'
import type { Relation } from './relation.ts'

/** What an operation does to its row. ARCHIVE sets the model's `archive` field, UNARCHIVE empties it. */
export type OperationType = 'CREATE' | 'UPDATE' | 'DELETE' | 'ARCHIVE' | 'UNARCHIVE'
export const operationTypes: readonly OperationType[] = ['CREATE', 'UPDATE', 'DELETE', 'ARCHIVE', 'UNARCHIVE']

/**
 * Whose rows these are. `column`: the tenant stands in a column of the table (default `organization_id`).
 * `parent`: the row belongs to the tenant of the row that its field `fk` refers to. `none`: rows of nobody,
 * readable by every signed caller; it must be said out loud.
 */
export type Policy =
  | { readonly by: 'column'; readonly column?: string }
  | { readonly by: 'parent'; readonly fk: string; readonly parent: string }
  | { readonly by: 'none' }

export type Shape = Record<string, z.ZodType>

/** What a model says beside its fields and relations. Each member has a default. */
export interface ModelOptions<S extends Shape = Shape> {
  /** Whose rows these are. Default `{ by: 'column', column: 'organization_id' }`. */
  policy?: Policy
  /**
   * Which operations callers may send. Default `false`: the model is read only. `true` allows all of them, a list only
   * those that it names. A model without a writable field allows no UPDATE.
   */
  mutable?: boolean | readonly OperationType[]
  /** The table, `name` or `schema.name`. Default: the model's name in the schema's casing. */
  table?: string
  /** Columns whose name does not follow the casing rule. */
  columns?: Partial<Record<(keyof S & string) | 'id', string>>
  /** The field that is the primary key. Default `id`, which need not be part of the shape. */
  primaryKey?: string
  /** Fields that are read but never written by input, for example generated columns. */
  readOnly?: readonly (keyof S & string)[]
  /** The timestamp field that ARCHIVE sets. Default `archivedAt` when the shape has it. */
  archive?: keyof S & string
  /** Timestamp fields that every create and update sets to the time of the commit, unless the input says otherwise. */
  touch?: (keyof S & string) | readonly (keyof S & string)[]
  /** Values made in this process for a create that does not send them, for example ids of the application's own form. */
  defaults?: Partial<Record<(keyof S & string) | 'id', () => unknown>>
  /**
   * Triggers that also log the writes which bypass this endpoint: `true` installs them with the migration, `false`
   * removes them. Left out (the default), the migration touches none.
   */
  capture?: boolean
}

/** What `model()` returns; `defineSchema` makes a `Model` of it. */
export interface ModelDefinition<
  S extends Shape = Shape,
  R extends Record<string, Relation> = Record<string, Relation>,
> {
  readonly shape: S
  readonly relations: R
  readonly options: ModelOptions<S>
}

/** What `model()` takes: the fields, the relations and the options of one model. */
export interface ModelDeclaration<S extends Shape, R extends Record<string, Relation>>
  extends ModelOptions<S> {
  /** Field name to zod type. The primary key `id` and the tenant column may be left out. */
  readonly fields: S
  /** Relation name to `relation.belongsTo(...)` or `relation.hasMany(...)`. Default: none. */
  readonly relations?: R
}

/**
 * Declares one model: its fields (zod types), relations and options. A model is read only unless `mutable` says
 * otherwise.
 *
 * @example
 * const tasks = model({
 *   fields: { title: z.string().min(1), done: z.boolean().default(false) },
 *   mutable: ['CREATE', 'UPDATE'],
 * })
 */
export function model<S extends Shape, R extends Record<string, Relation> = Record<never, Relation>>(
  declaration: ModelDeclaration<S, R>,
): ModelDefinition<S, R> {
  const { fields, relations, ...options } = declaration
  return { shape: fields, relations: relations ?? ({} as R), options: options as ModelOptions<S> }
}
