import type { z } from 'zod'

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

/** The shape of the model that one of Prisma's becomes. */
export type ShapeOf<Client, M> = {
  [F in FieldName<Client, M>]: z.ZodType<Travelling<Scalars<Client, M>[F]>>
}

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
