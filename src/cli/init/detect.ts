import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { UsageError } from '../outcome.ts'
import { readJsonc } from '../tsconfig.ts'

export const frameworks = ['next', 'express', 'hono'] as const
export type Framework = (typeof frameworks)[number]
export const orms = ['drizzle', 'prisma', 'kysely', 'postgres-js', 'pg'] as const
export type Orm = (typeof orms)[number]

/** What is in an application's directory, as far as an endpoint needs to know. */
export interface Application {
  readonly directory: string
  readonly framework: Framework | undefined
  readonly orm: Orm | undefined
  readonly packages: ReadonlySet<string>
  /** `src/`, where there is one, or nothing. */
  readonly base: string
  /** Of the App Router. */
  readonly appDirectory: string
  /** `ts` or `js`. */
  readonly language: 'ts' | 'js'
  /** What relative imports end with. */
  readonly ending: '' | '.ts' | '.js'
}

const frameworkPackages: Record<Framework, string> = { next: 'next', express: 'express', hono: 'hono' }
const ormPackages: Record<Orm, string> = {
  drizzle: 'drizzle-orm',
  prisma: '@prisma/client',
  kysely: 'kysely',
  'postgres-js': 'postgres',
  pg: 'pg',
}

/** Reads `package.json`, `tsconfig.json` and the names of directories. */
export function detect(directory: string): Application {
  const has = (...parts: string[]): boolean => existsSync(join(directory, ...parts))
  const manifest = has('package.json') ? manifestOf(join(directory, 'package.json')) : {}
  const packages = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }))
  const base = has('src') ? 'src/' : ''
  const appDirectory = has('src/app') ? 'src/app' : has('app') ? 'app' : `${base}app`
  const language = has('tsconfig.json') || packages.has('typescript') ? 'ts' : 'js'
  const framework = frameworks.find((name) => packages.has(frameworkPackages[name]))
  return {
    directory,
    packages,
    base,
    appDirectory,
    language,
    framework,
    orm: orms.find((name) => packages.has(ormPackages[name])),
    ending: endingOf(directory, language, framework),
  }
}

type Manifest = Readonly<Partial<Record<'dependencies' | 'devDependencies', Record<string, string>>>>

function manifestOf(file: string): Manifest {
  try {
    // editors of Windows begin a file with a byte order mark, which npm reads over
    return (JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')) ?? {}) as Manifest
  } catch (error) {
    throw new UsageError(`package.json cannot be read: ${(error as Error).message}`)
  }
}

function endingOf(
  directory: string,
  language: 'ts' | 'js',
  framework: Framework | undefined,
): Application['ending'] {
  if (language === 'js') return framework === 'next' ? '' : '.js'
  const file = join(directory, 'tsconfig.json')
  const { compilerOptions = {} } = (existsSync(file) ? (readJsonc(file) ?? {}) : {}) as {
    compilerOptions?: Record<string, unknown>
  }
  if (compilerOptions.allowImportingTsExtensions || compilerOptions.rewriteRelativeImportExtensions)
    return '.ts'
  if (framework === 'next') return ''
  const how = String(compilerOptions.moduleResolution ?? compilerOptions.module ?? '').toLowerCase()
  return /^node(16|18|20|next)$/.test(how) ? '.js' : how === '' ? '.ts' : ''
}

/** An export of the application's own code, found by what makes it. */
export interface Found {
  /** Without its ending. */
  readonly file: string
  /** With its ending. */
  readonly path: string
  readonly name: string
  readonly isDefault: boolean
}

/** What makes a client, as source code. */
const makers: Record<Orm, RegExp> = {
  drizzle: /\bdrizzle\s*(?:<[^>]*>)?\(/,
  prisma: /\bnew PrismaClient\b|\bPrismaClient\(/,
  kysely: /\bnew Kysely\b/,
  'postgres-js': /=\s*postgres\(/,
  pg: /\bnew (?:pg\.)?Pool\b/,
}

/** What clients are usually called. */
const usual = ['prisma', 'db', 'database', 'client', 'kysely', 'sql', 'pool']

/** The application's own database client, so that its pool is shared; undefined where none is exported. */
export function findClient(application: Application, orm: Orm): Found | undefined {
  for (const { file, text } of sources(application)) {
    if (!makers[orm].test(text)) continue
    const lines = text.split('\n')
    const at = lines.findIndex((line) => makers[orm].test(line))
    // the declaration may begin some lines above; or a function makes it, and another variable is exported
    const near = lines.slice(Math.max(0, at - 4), at + 1).reverse()
    const names = [
      ...near.map((line) => /^(?:export\s+)?(?:const|let|var)\s+(\w+)/.exec(line)?.[1]),
      ...usual,
    ]
    for (const name of names) {
      if (name === undefined) continue
      const isNamed = new RegExp(
        `^export\\s+(const|let|var)\\s+${name}\\b|^export\\s*\\{[^}]*\\b${name}\\b[^}]*\\}`,
        'm',
      ).test(text)
      const isDefault = new RegExp(`^export default ${name}\\b`, 'm').test(text)
      if (isNamed || isDefault) return { file: unended(file), path: file, name, isDefault: !isNamed }
    }
  }
  return undefined
}

/** The file that makes the server. */
export function findServer(
  application: Application,
  framework: Exclude<Framework, 'next'>,
): string | undefined {
  const made = framework === 'express' ? /=\s*express\(\)/ : /\bnew Hono\b/
  return sources(application).find(({ text }) => made.test(text))?.file
}

/** The modules that may have Drizzle's tables: those that declare some, and an index beside them that exports others. */
export function findTables(application: Application): string[] {
  const files = sources(application)
  const declaring = files.filter(
    ({ text }) =>
      text.includes('drizzle-orm/pg-core') && /export const \w+ = \w*[pP]g\w*[tT]able\(|\.table\(/.test(text),
  )
  const directories = new Set(declaring.map(({ file }) => posix.dirname(file)))
  const indexes = files.filter(
    ({ file, text }) =>
      /^index\.\w+$/.test(posix.basename(file)) &&
      directories.has(posix.dirname(file)) &&
      /^export (\*|\{[^}]*\}) from /m.test(text),
  )
  return [...new Set([...indexes, ...declaring].map(({ file }) => file))]
}

/** A file as other modules import it. */
export const unended = (file: string): string => file.replace(/\.\w+$/, '')

const skipped = new Set([
  'node_modules',
  'dist',
  'build',
  'out',
  'coverage',
  'test',
  'tests',
  'drizzle',
  'migrations',
])

function sources({ directory }: Application): { file: string; text: string }[] {
  const found: { file: string; text: string }[] = []
  const walk = (at: string, depth: number): void => {
    for (const entry of readdirSync(join(directory, at), { withFileTypes: true })) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      if (entry.isDirectory()) {
        if (depth < 5 && !skipped.has(entry.name) && !entry.name.startsWith('.')) walk(path, depth + 1)
      } else if (/(?<!\.d|\.test|\.spec|\.config)\.m?[jt]s$/.test(entry.name)) {
        const text = readFileSync(join(directory, path), 'utf8')
        // what is generated is long
        if (text.length < 100_000) found.push({ file: path, text })
      }
    }
  }
  walk('', 0)
  return found
}
