import type { $ZodType } from 'zod/v4/core'
import type { OperationType } from './operation.ts'
import type { Relation } from './relation.ts'

/**
 * Whose rows these are. `column`: the tenant stands in a column of the table (default `organization_id`).
 * `parent`: the row belongs to the tenant of the row that its field `fk` refers to. `none`: rows of nobody,
 * readable by every signed caller; it must be said out loud.
 */
export type Policy =
  | { readonly by: 'column'; readonly column?: string }
  | { readonly by: 'parent'; readonly fk: string; readonly parent: string }
  | { readonly by: 'none' }

/** Fields by name. Any zod type of version 4, of `zod` or `zod/mini`. */
export type Shape = Readonly<Record<string, $ZodType>>

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
  /**
   * The field that names a row, or the fields that together do, in their order: a primary key, or any unique index over
   * columns that are NOT NULL. Default `id`, which need not be part of the fields.
   */
  primaryKey?: (keyof S & string) | 'id' | readonly (keyof S & string)[]
  /** Fields that are read but never written by input, for example generated columns. */
  readOnly?: readonly (keyof S & string)[]
  /** The timestamp field that ARCHIVE sets. Default `archivedAt` when the shape has it and it holds a time; `false`: none. */
  archive?: (keyof S & string) | false
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

/** What is known of a model at compile time beside its fields and relations. */
export interface ModelTypes<
  O extends OperationType = OperationType,
  K extends string = never,
  C extends boolean = boolean,
  RO extends string = never,
> {
  /** The operations that it allows. */
  readonly operations: O
  /** The fields of its primary key. */
  readonly key: K
  /** Whether the primary key has several fields. */
  readonly composite: C
  /** Fields that input never sets. */
  readonly readOnly: RO
}

/** What `model()` returns; `defineSchema` makes a `Model` of it. */
export interface ModelDefinition<
  S extends Shape = Shape,
  R extends Readonly<Record<string, Relation>> = Readonly<Record<string, Relation>>,
  T extends ModelTypes<OperationType, string, boolean, string> = ModelTypes,
> {
  readonly shape: S
  readonly relations: R
  readonly options: ModelOptions
  /** Never there: it only carries types. */
  readonly '~types'?: T
}

/**
 * What every `ModelDefinition` is assignable to. Members whose types `model` infers are left out: TypeScript would
 * infer them from here where a declaration does not have them.
 */
export type AnyModelDefinition = Pick<ModelDefinition, 'shape' | 'options'>

/** What `mutable` comes to. ARCHIVE and UNARCHIVE need a field that they can set. */
type Allowed<S, M, A> = M extends readonly (infer O extends OperationType)[]
  ? O
  : M extends true
    ? 'CREATE' | 'UPDATE' | 'DELETE' | (Archives<S, A> extends true ? 'ARCHIVE' | 'UNARCHIVE' : never)
    : never
type Archives<S, A> = [A] extends [never] ? ('archivedAt' extends keyof S ? true : false) : true

/** `belongsTo` must name a field of the model itself. */
type OwnRelation<S, R> =
  R extends Relation<'belongsTo', infer Other, infer F>
    ? F extends keyof S
      ? R
      : Relation<'belongsTo', Other, keyof S & string>
    : R

/** What `model()` takes: the fields, the relations and the options of one model. */
export interface ModelDeclaration<
  S extends Shape,
  R extends Readonly<Record<string, Relation>>,
  M extends boolean | readonly OperationType[] = boolean | readonly OperationType[],
  K = ModelOptions<S>['primaryKey'],
  A = keyof S & string,
  RO extends string = keyof S & string,
> extends Omit<ModelOptions<S>, 'mutable' | 'primaryKey' | 'archive' | 'readOnly'> {
  /** Field name to zod type. The primary key `id` and the tenant column may be left out. */
  readonly fields: S
  /** Relation name to `relation.belongsTo(...)` or `relation.hasMany(...)`. Default: none. */
  readonly relations?: { readonly [N in keyof R]: OwnRelation<S, R[N]> }
  /**
   * Which operations callers may send. Default `false`: the model is read only. `true` allows all of them, a list only
   * those that it names. A model without a writable field allows no UPDATE.
   */
  readonly mutable?: M
  /** The field that is the primary key, or several in their order. Default `id`, which need not be among the fields. */
  readonly primaryKey?: K
  /** The timestamp field that ARCHIVE sets. Default `archivedAt` when the fields have it. */
  readonly archive?: A
  /** Fields that are read but never written by input, for example generated columns. */
  readonly readOnly?: readonly RO[]
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
export function model<
  S extends Shape,
  const R extends Readonly<Record<string, Relation>> = Record<never, Relation>,
  const M extends boolean | readonly OperationType[] = false,
  const K extends (keyof S & string) | 'id' | readonly (keyof S & string)[] = 'id',
  const A extends keyof S & string = never,
  const RO extends keyof S & string = never,
>(
  declaration: ModelDeclaration<S, R, M, K, A, RO>,
): ModelDefinition<
  S,
  R,
  ModelTypes<
    Allowed<S, M, A>,
    K extends readonly (infer N extends string)[] ? N : K & string,
    K extends string ? false : true,
    RO
  >
> {
  const { fields, relations, ...options } = declaration
  return { shape: fields, relations: (relations ?? {}) as R, options: options as ModelOptions }
}
