import { getTableColumns, is } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { Relation } from '../../core/schema/relation.ts'
import { relation } from '../../core/schema/relation.ts'
import type { OnNote } from '../derived.ts'
import type { DrizzleTables } from './mapping.ts'
import { relational } from './version.ts'

/** An exposed model: its table, the fields of its key, and those that it shows. */
export interface Exposed {
  readonly table: PgTable
  readonly key: readonly string[]
  readonly fields: readonly string[]
}

/**
 * Drizzle's `relations()` between exposed models, by model. What a schema has no place for is left out with a note: one
 * over several columns, one that does not lead to a primary key, and a `many()` whose other side says nothing.
 */
export function readRelations(
  tables: DrizzleTables,
  models: ReadonlyMap<string, Exposed>,
  onNote: OnNote,
): ReadonlyMap<string, Record<string, Relation>> {
  const { createTableRelationsHelpers, extractTablesRelationalConfig, normalizeRelation, One } =
    relational('schemaFromDrizzle')
  const config = extractTablesRelationalConfig({ ...tables }, createTableRelationsHelpers)
  const named = (table: unknown) => [...models].find(([, own]) => own.table === table)
  const found = new Map<string, Record<string, Relation>>()
  for (const [model, own] of models) {
    const relations: Record<string, Relation> = {}
    for (const [name, declared] of Object.entries(config.tables[model]?.relations ?? {})) {
      const [other, target] = named(declared.referencedTable) ?? []
      if (other === undefined || target === undefined) continue
      const leaveOut = (why: string): void => onNote(`${model}.${name}: this relation is left out; ${why}.`)
      let sides: { fields: readonly unknown[]; references: readonly unknown[] }
      try {
        sides = normalizeRelation(config.tables, config.tableNamesMap, declared)
      } catch {
        leaveOut(`its other side is not declared: give ${other} a one() with fields and references`)
        continue
      }
      const [near, far] = [fieldOf(own.table, sides.fields[0]), fieldOf(target.table, sides.references[0])]
      if (sides.fields.length !== 1) leaveOut('it is over several columns')
      else if (near === undefined || far === undefined) leaveOut('its columns are not of these tables')
      else if (is(declared, One) && isKey(target, far)) {
        if (own.fields.includes(near)) relations[name] = relation.belongsTo(other, near)
      } else if (!is(declared, One) && isKey(own, near)) {
        if (target.fields.includes(far)) relations[name] = relation.hasMany(other, far)
      } else leaveOut('it does not lead to a primary key')
    }
    found.set(model, relations)
  }
  return found
}

const isKey = ({ key }: Exposed, field: string): boolean => key.length === 1 && key[0] === field

/** By name: the columns that a table's builders are given are other objects than those of the table. */
export const fieldOf = (table: PgTable, column: unknown): string | undefined =>
  Object.entries(getTableColumns(table)).find(
    ([, one]) => one.name === (column as PgColumn | undefined)?.name,
  )?.[0]
