import { readFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { UsageError } from './outcome.ts'
import { aliasesOf } from './tsconfig.ts'

const endings = ['.ts', '.mts', '.js', '.mjs', '/index.ts', '/index.js']

/**
 * Lets this process import an application's TypeScript as its bundler would: without file endings, with the `paths` of
 * `tsconfig.json`, with enums, and with `server-only`, which exists to fail outside of a bundler.
 *
 * @throws UsageError on a Node that cannot.
 */
export function registerTypeScript(directory: string): void {
  if (typeof module.registerHooks !== 'function' || typeof module.stripTypeScriptTypes !== 'function') {
    throw new UsageError(
      'reading TypeScript needs Node 22.18 or newer; on this Node give a module in JavaScript',
    )
  }
  const aliases = aliasesOf(directory)
  module.registerHooks({
    resolve(specifier, context, next) {
      if (specifier === 'server-only' || specifier === 'client-only') {
        return { url: 'data:text/javascript,', shortCircuit: true }
      }
      const relative = /^\.{0,2}\//.test(specifier)
      const paths = relative ? [specifier] : aliases(specifier).map((path) => pathToFileURL(path).href)
      const tries = [
        ...(relative || paths.length === 0 ? [specifier] : []),
        ...paths.flatMap((path) => endings.map((ending) => path + ending)),
        // what TypeScript calls .js is .ts here
        ...paths.flatMap((path) => (path.endsWith('.js') ? [path.replace(/\.js$/, '.ts')] : [])),
        ...(relative ? [] : [...paths, specifier]),
      ]
      let first: unknown
      for (const one of tries) {
        try {
          return next(one, context)
        } catch (error) {
          if (!isMissing(error)) throw error
          first ??= error
        }
      }
      throw first
    },
    load(url, context, next) {
      if (!/^file:.*\.m?ts$/.test(url) || url.includes('/node_modules/')) return next(url, context)
      const source = readFileSync(fileURLToPath(url), 'utf8')
      // Node keeps what it has stripped by itself, where it has a compile cache
      const native = process.features.typescript && !transformed.test(source)
      if (native) return next(url, { ...context, format: 'module-typescript' })
      return { format: 'module', shortCircuit: true, source: strip(source) }
    },
  })
}

/** What cannot be stripped: it makes code. */
const transformed =
  /\b(enum|namespace|module)\s+[\w.]+\s*\{|\bimport\s+\w+\s*=|constructor\s*\([^)]*\b(private|public|protected|readonly|override)\s/

const isMissing = (error: unknown): boolean =>
  ['ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT', 'MODULE_NOT_FOUND'].includes(
    String((error as { code?: unknown }).code),
  )

function strip(source: string): string {
  try {
    return module.stripTypeScriptTypes(source, { mode: 'transform' })
  } catch (error) {
    // a Node that has given up on enums
    if ((error as { code?: unknown }).code !== 'ERR_INVALID_ARG_VALUE') throw error
    return module.stripTypeScriptTypes(source)
  }
}
