import type { DeclaredTable } from '../../adapters/derived.ts'
import { importModule } from '../module.ts'
import { type Application, type Found, findClient, findTables, type Orm, unended } from './detect.ts'

/** What the application's ORM declares already. */
export interface Declared {
  /** Where: the modules of Drizzle's tables, or that of Prisma's client. */
  readonly files: readonly string[]
  /** Prisma's client; Drizzle's tables are imported without one. */
  readonly client: Found | undefined
  readonly tables: readonly DeclaredTable[]
  /** How Drizzle's client names the columns that do not say theirs. */
  readonly casing: string | undefined
}

/**
 * Imports the application's tables or client, and reads their names. Undefined where it has none.
 *
 * @throws Error when the module cannot be imported, for example because Prisma's client is not generated yet
 */
export async function readDeclared(application: Application, orm: Orm): Promise<Declared | undefined> {
  if (orm === 'drizzle') return drizzleTables(application)
  if (orm === 'prisma') return prismaModels(application)
  return undefined
}

async function drizzleTables(application: Application): Promise<Declared | undefined> {
  const files = findTables(application)
  if (files.length === 0) return undefined
  const { casingOf, declaredTables } = await import('../../adapters/drizzle/schema.ts')
  const { columnNameOf } = await import('../../adapters/drizzle/mapping.ts')
  const own = findClient(application, 'drizzle')
  // its casing names the columns that do not say theirs
  const db = own === undefined ? undefined : exportOf(await importModule(own.path), own)
  const columnName = columnNameOf(db)
  const modules = []
  for (const file of files) {
    const module = await importModule(file)
    modules.push({
      file: unended(file),
      tables: declaredTables(module, columnName),
      casing: casingOf(module, columnName),
    })
  }
  // the largest first: it may export the tables of all the others
  modules.sort((one, other) => other.tables.length - one.tables.length)
  const tables = new Map<string, DeclaredTable>()
  const needed = modules.filter((module) => {
    const further = module.tables.filter(({ name }) => !tables.has(name))
    for (const table of further) tables.set(table.name, table)
    return further.length > 0
  })
  return needed.length === 0
    ? undefined
    : {
        files: needed.map(({ file }) => file),
        client: undefined,
        tables: [...tables.values()],
        casing: needed.find(({ casing }) => casing !== undefined)?.casing,
      }
}

async function prismaModels(application: Application): Promise<Declared | undefined> {
  const client = findClient(application, 'prisma')
  if (client === undefined) return undefined
  const { declaredModels } = await import('../../adapters/prisma/schema.ts')
  const tables = declaredModels(exportOf(await importModule(client.path), client))
  return tables.length === 0 ? undefined : { files: [client.file], client, tables, casing: undefined }
}

const exportOf = (module: Record<string, unknown>, { name, isDefault }: Found): unknown =>
  module[isDefault ? 'default' : name]
