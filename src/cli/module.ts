import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Schema } from '../core/schema/define.ts'
import type { PostgresAdapter } from '../postgres/adapter.ts'
import { type AdapterParts, partsOf } from '../postgres/runtime/parts.ts'
import { UsageError } from './outcome.ts'

/** What a module gives the command line: a schema, or an adapter, which has a schema and the names of its ORM. */
export interface Project {
  readonly file: string
  readonly schema: Schema
  readonly adapter: PostgresAdapter | undefined
  readonly parts: AdapterParts | undefined
}

/** Files that are looked for where the call names none. */
const configs = ['ts', 'mts', 'js', 'mjs'].map((ending) => `postern.config.${ending}`)

/**
 * Imports the module that the call names, or `postern.config.*`, and takes its adapter or schema.
 *
 * @throws UsageError when there is none, or more than one that could be meant.
 */
export async function loadProject(named: string | undefined): Promise<Project> {
  const file = named ?? configs.find((name) => existsSync(name))
  if (file === undefined) {
    throw new UsageError(
      `give --config or --schema: a module that exports your adapter or schema; or make a ${configs[0]}`,
    )
  }
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}`)
  const exported = await importModule(file)
  const adapter = pick(exported, ['adapter', 'default'], isAdapter, file)
  if (adapter !== undefined) {
    const parts = partsOf(adapter)
    if (parts === undefined) {
      throw new UsageError(`the adapter of ${file} is not of this version of postern, or not on Postgres`)
    }
    return { file, schema: parts.schema, adapter, parts }
  }
  const schema = pick(exported, ['schema', 'default'], isSchema, file)
  if (schema === undefined) throw new UsageError(`${file} exports no adapter and no schema`)
  return { file, schema, adapter: undefined, parts: undefined }
}

const registered = new Set<string>()

/** Imports a module of the application, TypeScript too, as its bundler would. */
export async function importModule(file: string): Promise<Record<string, unknown>> {
  const path = resolve(file)
  const directory = dirname(path)
  quiet()
  if (/\.m?ts$/.test(path) && !registered.has(directory)) {
    registered.add(directory)
    const { registerTypeScript } = await import('./typescript.ts')
    registerTypeScript(directory)
  }
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (cause) {
    throw new Error(`${file} cannot be imported`, { cause })
  }
}

/** By name, else the only one. */
function pick<T>(
  exported: Record<string, unknown>,
  names: readonly string[],
  is: (value: unknown) => value is T,
  file: string,
): T | undefined {
  for (const name of names) if (is(exported[name])) return exported[name]
  const found = Object.entries(exported).filter(([, value]) => is(value))
  if (found.length > 1) {
    throw new UsageError(
      `${file} exports ${found.map(([name]) => name).join(', ')}: name one of them ${names[0]}`,
    )
  }
  return found[0]?.[1] as T | undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const isAdapter = (value: unknown): value is PostgresAdapter =>
  isObject(value) && typeof value.migrate === 'function' && typeof value.feedStatus === 'function'

const isSchema = (value: unknown): value is Schema =>
  isObject(value) && value.models instanceof Map && isObject(value.definitions)

let isQuiet = false

/** Warnings about how Node reads an application's modules are not the caller's concern. */
function quiet(): void {
  if (isQuiet) return
  isQuiet = true
  const listeners = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning: Error & { code?: string }) => {
    if (warning.name === 'ExperimentalWarning' || warning.code === 'MODULE_TYPELESS_PACKAGE_JSON') return
    for (const listener of listeners) listener(warning)
  })
}
