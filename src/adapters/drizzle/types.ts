import type { PgTable } from 'drizzle-orm/pg-core'
import type { z } from 'zod'
import type { ModelDefinition } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import type { DerivedTypes, NamedField } from '../derived.ts'
import type { DrizzleTables } from './mapping.ts'

/** Names under which `T` has tables. */
export type TableName<T extends DrizzleTables> = {
  [M in keyof T & string]: T[M] extends PgTable ? M : never
}[keyof T & string]

type Columns<Table> = Table extends PgTable ? Table['_']['columns'] : never

/** The names of a table's columns in TypeScript. */
export type ColumnKey<Table> = keyof Columns<Table> & string

/** Columns that say `.primaryKey()`; of a key over several columns the types know nothing. */
type KeyColumn<Table> = {
  [C in ColumnKey<Table>]: Columns<Table>[C] extends { _: { isPrimaryKey: true } } ? C : never
}[ColumnKey<Table>]

/** The model that a table becomes, with the options that were given for it. */
export type DerivedDefinition<Table, O> = ModelDefinition<
  {
    readonly [C in NamedField<O> | KeyColumn<Table>]: z.ZodType<
      FieldValue<Columns<Table>[C & ColumnKey<Table>]>,
      Sendable<Columns<Table>[C & ColumnKey<Table>]>
    >
  },
  Readonly<Record<string, Relation>>,
  DerivedTypes<O, KeyColumn<Table>>
>

/** What may be sent: a column that can be null or that has a default may be left out. */
type Sendable<Column> =
  | FieldValue<Column>
  | (Column extends { _: { notNull: true; hasDefault: false } } ? never : undefined)

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
