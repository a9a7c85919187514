import type { PgTable } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import type { DrizzleTables } from './mapping.ts'

/** Names under which `T` has tables. */
export type TableName<T extends DrizzleTables> = {
  [M in keyof T & string]: T[M] extends PgTable ? M : never
}[keyof T & string]

/** The shape of the model that a table becomes. */
export type ShapeOf<Table> = Table extends PgTable
  ? { [C in keyof Table['_']['columns'] & string]: z.ZodType<FieldValue<Table['_']['columns'][C]>> }
  : Record<string, z.ZodType>

type FieldValue<Column> = Column extends { _: { notNull: infer NotNull } }
  ? Travelling<Column> | (NotNull extends true ? never : null)
  : unknown

/** Columns whose values travel as text, whatever they are in JavaScript. */
type AsText =
  | `PgBig${string}`
  | `PgNumeric${string}`
  | `PgTimestamp${string}`
  | `PgDate${string}`
  | `PgPoint${string}`
  | `PgLine${string}`
  | `PgGeometry${string}`
  | `Pg${string}Vector`

type Travelling<Column> = Column extends {
  _: { columnType: infer Type; data: infer Data; baseColumn: infer Base }
}
  ? Type extends AsText
    ? string
    : Type extends 'PgCustomColumn'
      ? unknown
      : Type extends 'PgArray'
        ? Travelling<Base>[]
        : Data
  : unknown
