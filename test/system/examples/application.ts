import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { blocksOf } from '../../docs/markdown.ts'
import { installPackage } from '../../support/package.ts'

const root = join(import.meta.dirname, '../../..')

/** The key of `.env.example`, which a newcomer has copied to `.env`. */
export const exampleKey = 'sk_replace_me_with_a_long_random_text'

/**
 * The example with the package installed, as its README says, in a place of its own. Everything else that it
 * depends on is what this repository has installed.
 */
export function installExample(name: string): string {
  const directory = join(root, '.test-results/examples', name)
  rmSync(directory, { recursive: true, force: true })
  const own = (file: string) => !/(?:^|\/)(?:node_modules|\.next|generated|\.env)$/.test(file)
  cpSync(join(root, 'examples', name), directory, { recursive: true, filter: own })
  installPackage(directory)
  return directory
}

/** `cp .env.example .env` */
export const copyEnv = (directory: string): void =>
  cpSync(join(directory, '.env.example'), join(directory, '.env'))

/** The environment of a process of the example: the rest is in its `.env`. */
export function exampleEnv(extra: Record<string, string>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', ...extra }
  for (const name of ['POSTERN_KEY', 'NODE_ENV', 'NODE_OPTIONS', 'VITEST']) delete env[name]
  return env
}

/** What a page says that one sees: its blocks of text, in their order. */
export const shownBy = (page: string): string[] =>
  blocksOf(page).flatMap(({ language, text }) => (language === 'text' ? [text] : []))
