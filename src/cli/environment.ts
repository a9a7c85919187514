import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/**
 * The files that an application's framework reads in development, the first that names a variable wins, as in Next.js
 * and Vite. What the environment says goes before all of them.
 */
const files = ['.env.development.local', '.env.local', '.env.development', '.env']

/**
 * Reads the environment files of a directory into `environment`, with `${VAR}` and `$VAR` in their values replaced, as
 * dotenv-expand does it. `\$` is a dollar sign.
 *
 * @example
 * // .env: DATABASE_URL=postgres://app:${PASSWORD}@localhost/app
 * readEnvironment(process.cwd(), process.env)
 */
export function readEnvironment(directory: string, environment: NodeJS.ProcessEnv): void {
  const found: Record<string, string> = {}
  for (const name of files) {
    const file = join(directory, name)
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) continue
    for (const [key, value] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) {
      if (!Object.hasOwn(found, key) && value !== undefined) found[key] = value
    }
  }
  const value = (name: string, within: readonly string[]): string => {
    const own = environment[name]
    if (own !== undefined) return own
    // a variable that refers to itself, over others too, is empty
    if (!Object.hasOwn(found, name) || within.includes(name)) return ''
    return expanded(found[name] ?? '', (other) => value(other, [...within, name]))
  }
  for (const name of Object.keys(found)) environment[name] ??= value(name, [])
}

const reference = /\\\$|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}|\$([A-Za-z_]\w*)/g

const expanded = (text: string, value: (name: string) => string): string =>
  text.replace(reference, (whole, braced?: string, fallback?: string, plain?: string) => {
    const name = braced ?? plain
    return name === undefined ? whole.slice(1) : value(name) || (fallback ?? '')
  })
