import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import type { Application, Framework, Orm } from './detect.ts'
import type { PackageManager } from './package-manager.ts'
import { endpointText, importPath, mountLines, routeText } from './texts.ts'

/** A file that will be made, or a line that will be added to one. */
export interface Step {
  readonly file: string
  readonly action: 'create' | 'append' | 'keep'
  readonly text: string
  /** What is said of it beside its name. */
  readonly note?: string
}

export interface Plan {
  readonly steps: readonly Step[]
  /** What is left to do by hand, in order. */
  readonly next: readonly string[]
}

/** The module of the schema, for the file that it becomes. */
export interface WantedSchema {
  text(file: string): string
  readonly note: string
  /** Made from what the ORM declares. */
  readonly isDeclared: boolean
}

/** What the files are for. */
export interface Wanted {
  readonly framework: Framework
  readonly orm: Orm
  readonly schema: WantedSchema
  readonly manager: PackageManager
}

/** Everything that `init` would write; it looks and writes nothing. */
export function planOf(application: Application, { framework, orm, schema, manager }: Wanted): Plan {
  const { base, language, appDirectory } = application
  const directory = directoryOf(application, `${base}lib`)
  const endpoint = `${directory}/endpoint`
  const route = `${appDirectory}/api/source/route.${language}`
  const config = `postern.config.${language === 'ts' ? 'ts' : 'mjs'}`
  const steps = [
    create(application, `${directory}/schema.${language}`, schema.text(`${directory}/schema`), schema.note),
    create(
      application,
      `${endpoint}.${language}`,
      endpointText(
        application,
        orm,
        endpoint,
        isDeclared(application, `${directory}/schema.${language}`, schema),
      ),
    ),
    ...(framework === 'next' ? [create(application, route, routeText(application, route, endpoint))] : []),
    create(
      application,
      config,
      `// What \`npx postern\` works with.\nexport { adapter } from '${importPath(application, config, endpoint)}'\n`,
    ),
    ...environment(application, framework),
  ]
  const port = framework === 'next' ? '3000/api/source' : '3000/source'
  const { packages } = application
  // zod comes with postern where a package manager installs peers: only yarn does not
  const own = packages.has('postern') ? [] : ['postern', 'zod']
  const missing = [...own, 'pg'].filter((name) => !packages.has(name))
  return {
    steps,
    next: [
      ...(missing.length === 0 ? [] : [manager.add(missing)]),
      ...(framework === 'next' ? [] : mountLines(application, framework, endpoint)),
      manager.postern('migrate'),
      manager.postern('check'),
      `${manager.postern('doctor', '--url', `http://localhost:${port}`)}  # while the application runs`,
    ],
  }
}

/** Whether the schema is made from what the ORM declares: the one that is kept, else the one that will be written. */
function isDeclared({ directory }: Application, file: string, schema: WantedSchema): boolean {
  const path = join(directory, file)
  return isFile(path) ? /\bschemaFrom(Drizzle|Prisma)\(/.test(readFileSync(path, 'utf8')) : schema.isDeclared
}

/** `lib`, or `lib/postern` where the application has a schema or an endpoint of another kind there. */
function directoryOf({ directory, language }: Application, lib: string): string {
  const isOther = (name: string): boolean => {
    const file = join(directory, lib, `${name}.${language}`)
    return isFile(file) && !/from ['"]postern/.test(readFileSync(file, 'utf8'))
  }
  return isOther('schema') || isOther('endpoint') ? `${lib}/postern` : lib
}

function create({ directory }: Application, file: string, text: string, note?: string): Step {
  if (existsSync(join(directory, file))) return { file, action: 'keep', text: '', note: 'is there already' }
  return { file, action: 'create', text, ...(note !== undefined && { note }) }
}

/** A fresh key in the file that the application reads and git ignores, and its name in `.env.example`. */
function environment(application: Application, framework: Framework): Step[] {
  const { directory } = application
  // in the order in which they are read: what comes first counts
  const files = ['.env.development.local', '.env.local', '.env.development', '.env']
  const keys = new Map(files.map((file) => [file, environmentOf(join(directory, file)).POSTERN_KEY]))
  const holder = files.find((file) => keys.get(file))
  const example: Step =
    'POSTERN_KEY' in environmentOf(join(directory, '.env.example'))
      ? { file: '.env.example', action: 'keep', text: '', note: 'has the name' }
      : line(directory, '.env.example', 'POSTERN_KEY=', 'the name alone')
  if (holder !== undefined) {
    return [{ file: holder, action: 'keep', text: '', note: 'has a POSTERN_KEY' }, example]
  }
  // an empty one in a file that is read first would hide the key
  const empty = files.find((file) => keys.get(file) === '')
  const file = empty ?? (framework === 'next' ? '.env.local' : '.env')
  const text = `POSTERN_KEY=sk_${randomBytes(24).toString('hex')}`
  const key = line(directory, file, text, 'a fresh key')
  const ignore = isIgnored(directory, file)
    ? []
    : [line(directory, '.gitignore', file, `so that git ignores ${file}`)]
  return [...ignore, key, example]
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

const environmentOf = (path: string): NodeJS.Dict<string> =>
  isFile(path) ? parseEnv(readFileSync(path, 'utf8')) : {}

/** A line for a file, which is there (also when it is empty) or is made. */
function line(directory: string, file: string, text: string, note: string): Step {
  const path = join(directory, file)
  if (!existsSync(path)) return { file, action: 'create', text: `${text}\n`, note }
  if (!isFile(path))
    return {
      file,
      action: 'keep',
      text: '',
      note: 'is a directory: set POSTERN_KEY where you keep such values',
    }
  const now = readFileSync(path, 'utf8')
  return { file, action: 'append', text: `${now === '' || now.endsWith('\n') ? '' : '\n'}${text}\n`, note }
}

/** What git itself says of the very file; where it is not there, or this is no checkout, the patterns of .gitignore. */
function isIgnored(directory: string, file: string): boolean {
  const { status } = spawnSync('git', ['check-ignore', '-q', '--', file], { cwd: directory, stdio: 'ignore' })
  if (status === 0 || status === 1) return status === 0
  const path = join(directory, '.gitignore')
  let ignored = false
  for (const rule of isFile(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const [, not, pattern = ''] = /^(!?)\/?(.*?)\s*$/.exec(rule) ?? []
    const glob = pattern
      .replace(/[\\^$+.()|{}[\]]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
    if (pattern !== '' && new RegExp(`^${glob}$`).test(file)) ignored = not === ''
  }
  return ignored
}
