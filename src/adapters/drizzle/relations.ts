import {
  createTableRelationsHelpers,
  extractTablesRelationalConfig,
  getTableColumns,
  is,
  normalizeRelation,
  One,
} from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { Relation } from '../../core/schema/relation.ts'
import { relation } from '../../core/schema/relation.ts'
import type { DrizzleTables } from './mapping.ts'

/**
 * Drizzle's `relations()` as this protocol has them, by model. A relation over several columns, or one that does not
 * hang on a primary key, has no place here and is left out.
 */
export function readRelations(tables: DrizzleTables): ReadonlyMap<string, Record<string, Relation>> {
  const config = extractTablesRelationalConfig({ ...tables }, createTableRelationsHelpers)
  const found = new Map<string, Record<string, Relation>>()
  for (const [model, { relations }] of Object.entries(config.tables)) {
    const own: Record<string, Relation> = {}
    for (const [name, declared] of Object.entries(relations)) {
      const other = nameOf(tables, declared.referencedTable)
      if (other === undefined) continue
      const { fields, references } = normalizeRelation(config.tables, config.tableNamesMap, declared)
      const [near, far] = [fields[0] as PgColumn, references[0] as PgColumn]
      if (fields.length !== 1) continue
      if (is(declared, One) && far.primary) own[name] = relation.belongsTo(other, keyOf(near))
      else if (!is(declared, One) && near.primary) own[name] = relation.hasMany(other, keyOf(far))
    }
    found.set(model, own)
  }
  return found
}

const nameOf = (tables: DrizzleTables, table: unknown): string | undefined =>
  Object.entries(tables).find(([, one]) => one === table)?.[0]

function keyOf(column: PgColumn): string {
  const columns = Object.entries(getTableColumns(column.table as PgTable))
  return columns.find(([, one]) => one === column)?.[0] ?? column.name
}
