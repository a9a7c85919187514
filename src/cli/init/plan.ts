import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
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
    ...environment(application, framework),
  ]
  const port = framework === 'next' ? '3000/api/source' : '3000/source'
  const missing = ['postern', 'pg'].filter((name) => !application.packages.has(name))
  return {
    steps,
    next: [
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
function environment(application: Application, framework: Framework): Step[] {
  const { directory } = application
  const read = (file: string): string =>
    existsSync(join(directory, file)) ? readFileSync(join(directory, file), 'utf8') : ''
  const file = framework === 'next' && !/^SOURCE_KEY=/m.test(read('.env')) ? '.env.local' : '.env'
  const line = (at: string, text: string, note: string): Step => {
    const now = read(at)
    if (/^(export\s+)?SOURCE_KEY=/m.test(now))
      return { file: at, action: 'keep', text: '', note: 'has a SOURCE_KEY' }
    const gap = now === '' || now.endsWith('\n') ? '' : '\n'
    return { file: at, action: now === '' ? 'create' : 'append', text: `${gap}${text}\n`, note }
  }
  const key = `sk_${randomBytes(24).toString('hex')}`
  const ignored = read('.gitignore')
    .split('\n')
    .some((rule) => /^\/?\.env(\*|\.\*|\.local|\*\.local|)\s*$/.test(rule.trim()))
  return [
    line(file, `SOURCE_KEY=${key}`, ignored ? 'a fresh key' : `a fresh key: put ${file} into .gitignore`),
    line('.env.example', 'SOURCE_KEY=', 'the name alone'),
  ]
}
