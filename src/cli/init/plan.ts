import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseEnv } from 'node:util'
import type { Application, Framework, Orm } from './detect.ts'
import { adapterText, exampleSchema, importPath, routeText } from './texts.ts'

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

/** Everything that `init` would write; it looks and writes nothing. */
export function planOf(
  application: Application,
  { framework, orm, schema }: { framework: Framework; orm: Orm; schema: string | undefined },
): Plan {
  const { base, language, appDirectory } = application
  const source = `${base}lib/source`
  const route =
    framework === 'next'
      ? `${appDirectory}/api/source/route.${language}`
      : `${source}/${framework}.${language}`
  const adapter = `${source}/adapter.${language}`
  const { text, mount } = routeText(application, framework, route, source)
  const config = `postern.config.${language === 'ts' ? 'ts' : 'mjs'}`
  const env = environment(application, framework)
  const steps = [
    create(
      application,
      `${source}/schema.${language}`,
      schema ?? exampleSchema,
      schema === undefined ? 'an example' : "from the database's tables",
    ),
    create(application, adapter, adapterText(application, orm, adapter)),
    create(application, route, text),
    create(
      application,
      config,
      `// What \`npx postern\` works with.\nexport { adapter as source } from '${importPath(application, config, posix.join(source, 'adapter'))}'\n`,
    ),
    ...env.steps,
  ]
  const port = framework === 'next' ? '3000/api/source' : '3000/source'
  const missing = ['postern', 'pg'].filter((name) => !application.packages.has(name))
  return {
    steps,
    next: [
      ...env.next,
      ...(missing.length === 0 ? [] : [`npm install ${missing.join(' ')}`]),
      ...mount,
      'npx postern migrate',
      'npx postern check',
      `npx postern doctor --url http://localhost:${port}  # while the application runs`,
    ],
  }
}

function create({ directory }: Application, file: string, text: string, note?: string): Step {
  if (existsSync(join(directory, file))) return { file, action: 'keep', text: '', note: 'is there already' }
  return { file, action: 'create', text, ...(note !== undefined && { note }) }
}

/** A fresh key where the application reads its environment from, and the bare name where others look it up. */
function environment(application: Application, framework: Framework): { steps: Step[]; next: string[] } {
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
    return {
      steps: [{ file: holder, action: 'keep', text: '', note: 'has a POSTERN_KEY' }, example],
      next: [],
    }
  }
  // an empty one in a file that is read first would hide the key
  const empty = files.find((file) => keys.get(file) === '')
  const file = empty ?? (framework === 'next' ? '.env.local' : '.env')
  const text = `POSTERN_KEY=sk_${randomBytes(24).toString('hex')}`
  if (isIgnored(directory, file))
    return { steps: [line(directory, file, text, 'a fresh key'), example], next: [] }
  return {
    steps: [line(directory, file, text, `a fresh key: put ${file} into .gitignore`), example],
    next: [`echo ${file} >> .gitignore  # git does not ignore it yet, and the key is in it`],
  }
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false

const environmentOf = (path: string): NodeJS.Dict<string> =>
  isFile(path) ? parseEnv(readFileSync(path, 'utf8')) : {}

/** A line for a file, which is there (also when it is empty) or is made. */
function line(directory: string, file: string, text: string, note: string): Step {
  const path = join(directory, file)
  if (!existsSync(path)) return { file, action: 'create', text: `${text}\n`, note }
  if (!isFile(path))
    return { file, action: 'keep', text: '', note: 'is no file: set POSTERN_KEY where you keep such values' }
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
