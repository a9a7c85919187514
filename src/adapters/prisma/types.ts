import type { z } from 'zod'
import type { ModelDefinition } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import type { DerivedTypes, NamedField } from '../derived.ts'

/** What Prisma's own types say of a model: each delegate of a generated client carries them under a symbol. */
interface Delegate {
  [key: symbol]: { types: { payload: { scalars: object } } }
}

/** The client's names for its models: `task` for `prisma.task`. */
export type ModelName<Client> = {
  [M in keyof Client & string]: Client[M] extends Delegate ? M : never
}[keyof Client & string]

type Scalars<Client, M> = M extends keyof Client
  ? Client[M] extends { [key: symbol]: { types: { payload: { scalars: infer S } } } }
    ? S
    : never
  : never

export type FieldName<Client, M> = keyof Scalars<Client, M> & string

/** The model that one of Prisma's becomes, with the options that were given for it. */
export type DerivedDefinition<Client, M, O> = ModelDefinition<
  {
    readonly [F in (NamedField<O> & FieldName<Client, M>) | KeyName<Client, M>]: z.ZodType<
      Travelling<Scalars<Client, M>[F]>,
      Travelling<Scalars<Client, M>[F]> | undefined
    >
  },
  Readonly<Record<string, Relation>>,
  DerivedTypes<O, KeyName<Client, M>>
>

/** Prisma's types do not say which field is the key: one called `id` is taken for it, as `model()` does. */
type KeyName<Client, M> = 'id' & FieldName<Client, M>

/** As Prisma's `Decimal`, whose class differs between its versions. */
interface Decimal {
  readonly d: number[]
  readonly e: number
  readonly s: number
}

type Travelling<Value> = Value extends Date | bigint | Uint8Array | Decimal
  ? string
  : Value extends readonly (infer Member)[]
    ? Travelling<Member>[]
    : Value
