import type { $ZodType, input, output } from 'zod/v4/core'
import type { Schema } from './define.ts'
import type { ModelDefinition, ModelTypes } from './model.ts'
import type { Relation } from './relation.ts'

/*
 * What a schema's type says about names, rows and inputs. Everything is derived from the declarations, so that a
 * client, a handler and a hook agree on one row. A schema whose models are not known at compile time (`Schema` without
 * a parameter) allows every name, and every value is `unknown`.
 */

/** The names of a schema's models. */
export type ModelName<S extends Schema> = keyof S['definitions'] & string

type ShapeOf<S extends Schema, M extends ModelName<S>> = S['definitions'][M]['shape']
type RelationsOf<S extends Schema, M extends ModelName<S>> =
  S['definitions'][M] extends ModelDefinition<infer _Shape, infer R, infer _Types>
    ? R
    : Readonly<Record<string, Relation>>
type TypesOf<S extends Schema, M extends ModelName<S>> =
  S['definitions'][M] extends ModelDefinition<infer _Shape, infer _Relations, infer T> ? T : ModelTypes

/** The names of the fields that are the primary key. */
export type KeyName<S extends Schema, M extends ModelName<S>> = TypesOf<S, M>['key']

/** The operations that a model allows. */
export type AllowedOperation<S extends Schema, M extends ModelName<S>> = TypesOf<S, M>['operations']

/** Makes messages show the members of a type in place of how it was computed. */
type Shown<T> = { [K in keyof T]: T[K] } & {}

/** A value as it is read: JSON has neither undefined nor `bigint` nor `Date`. */
type Read<T> = unknown extends T ? T : T extends undefined ? null : T extends bigint | Date ? string : T

/** A value as it is sent. What a create may leave out with `.optional()` may be null too: rows carry null there. */
type Sent<F extends $ZodType> = undefined extends output<F> ? SentValue<input<F>> | null : SentValue<input<F>>
/** Plain where it can be: of a type that was computed member by member, messages show the computation. */
type SentValue<T> = unknown extends T
  ? T
  : [Extract<T, bigint | Date>] extends [never]
    ? Exclude<T, undefined>
    : SentAs<Exclude<T, undefined>>
type SentAs<T> = T extends bigint ? string | number : T extends Date ? string : T

/*
 * Types of one model are read from a table of all models, `{ [N in ModelName<S>]: ... }[M]`: TypeScript computes the
 * table once per schema, and a method that is generic in its model sees no condition that it could not decide.
 */

/** A row of a model as it travels: bigint, numeric and times are strings, and what was left out is null. */
export type Row<S extends Schema, M extends ModelName<S>> = Rows<S>[M]
type Rows<S extends Schema> = {
  [N in ModelName<S>]: string extends N
    ? { [field: string]: unknown }
    : {
        [F in keyof ShapeOf<S, N> | KeyName<S, N>]: F extends keyof ShapeOf<S, N>
          ? F extends KeyName<S, N>
            ? NonNullable<Read<output<ShapeOf<S, N>[F]>>>
            : Read<output<ShapeOf<S, N>[F]>>
          : string
      }
}

/** The names of a model's fields; any text where the schema is not known at compile time. */
export type FieldName<S extends Schema, M extends ModelName<S>> = {
  [N in ModelName<S>]: keyof Rows<S>[N] & string
}[M]

type Writable<S extends Schema, M extends ModelName<S>> = Exclude<
  keyof ShapeOf<S, M> & string,
  TypesOf<S, M>['readOnly']
>

/** Fields that a create must send. A key of one field goes into `id`, one of several into the input. */
type RequiredName<S extends Schema, M extends ModelName<S>> = {
  [F in Writable<S, M>]: undefined extends input<ShapeOf<S, M>[F]>
    ? never
    : F extends KeyName<S, M>
      ? TypesOf<S, M>['composite'] extends true
        ? F
        : never
      : F
}[Writable<S, M>]

/** What a CREATE takes as `input`: required fields, and those that may be left out; `null` where null is a value. */
export type CreateInput<S extends Schema, M extends ModelName<S>> = CreateInputs<S>[M]
type CreateInputs<S extends Schema> = {
  [N in ModelName<S>]: string extends N
    ? Readonly<Record<string, unknown>>
    : Shown<
        { readonly [F in RequiredName<S, N>]: Sent<ShapeOf<S, N>[F]> } & {
          readonly [F in Exclude<Writable<S, N>, RequiredName<S, N>>]?: Sent<ShapeOf<S, N>[F]>
        } & { readonly [F in Exclude<KeyName<S, N>, keyof ShapeOf<S, N>>]?: string }
      >
}

/** What an UPDATE takes as `input`: the fields that change. The key may stand in it when it says what `id` says. */
export type UpdateInput<S extends Schema, M extends ModelName<S>> = {
  [N in ModelName<S>]: string extends N ? Readonly<Record<string, unknown>> : Partial<CreateInputs<S>[N]>
}[M]

/** The names of a model's relations; any text where they are not known at compile time. */
export type RelationName<S extends Schema, M extends ModelName<S>> = keyof RelationsOf<S, M> & string

/** The model that a relation leads to. */
export type RelatedModel<S extends Schema, M extends ModelName<S>, N extends RelationName<S, M>> =
  RelationsOf<S, M>[N] extends Relation<infer _Type, infer Other> ? Other & ModelName<S> : never

/** What a relation embeds: rows for `hasMany`, one row or null for `belongsTo`. */
export type Embedded<S extends Schema, M extends ModelName<S>, N extends RelationName<S, M>, R> =
  RelationsOf<S, M>[N] extends Relation<infer Type>
    ? 'belongsTo' | 'hasMany' extends Type
      ? unknown
      : Type extends 'hasMany'
        ? readonly R[]
        : R | null
    : never
