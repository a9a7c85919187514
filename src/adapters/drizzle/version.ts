import * as drizzle from 'drizzle-orm'

const { createTableRelationsHelpers, extractTablesRelationalConfig, normalizeRelation, One } = drizzle

/**
 * What Drizzle reads `relations()` with. Version 1.0 has another API of relations, and other members on its tables and
 * databases: what would be read of them is wrong in silence. As named imports these would fail to link there, with an
 * error that names an export of Drizzle's and not the versions that serve.
 *
 * @throws TypeError with a version of Drizzle that is not served
 */
export function relational(owner: string) {
  const needed = [createTableRelationsHelpers, extractTablesRelationalConfig, normalizeRelation, One]
  if (needed.every((one) => typeof one === 'function'))
    return { createTableRelationsHelpers, extractTablesRelationalConfig, normalizeRelation, One }
  throw new TypeError(
    `${owner}: this version of drizzle-orm is not served; install one from 0.45 on and before 1.0, whose relations() are read.`,
  )
}
