import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { type Block, blocksOf, pages, quickStarts, read, root } from './markdown.ts'

const blocks = pages.flatMap(blocksOf)
const place = ({ page, line }: Block): string => `${page}:${line}`

test('every block of code says its language, and one that is checked', () => {
  // `typescript` stands in the API reference alone: signatures, cut out of sources that compile.
  const known = ['ts', 'tsx', 'json', 'sh', 'sql', 'http', 'text', 'diff', 'prisma', 'typescript', 'mermaid']
  const strange = blocks.filter(
    ({ language, file, page }) =>
      (!known.includes(language) && file !== '.env') ||
      (language === 'typescript' && !page.startsWith('docs/api/')),
  )
  expect(strange.map(place)).toEqual([])
})

test('every block of JSON is JSON', () => {
  const json = blocks.filter(({ language }) => language === 'json')
  expect(json.length).toBeGreaterThan(0)
  for (const block of json) expect(() => JSON.parse(block.text), place(block)).not.toThrow()
})

test('a page that shows what is sent, typed or answered has a test of its own that follows it', () => {
  const shown = blocks.filter(({ language }) => ['text', 'sql', 'http', 'prisma'].includes(language))
  const tests = globSync('test/**/*.ts', { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'))
  const followed = (page: string): boolean => tests.some((text) => text.includes(`'${page}'`))
  expect([...new Set(shown.map(({ page }) => page))].filter((page) => !followed(page))).toEqual([])
})

/** The scripts of the application whose README it is. */
function scriptsOf({ page }: Block): object {
  const manifest = join(root, dirname(page), 'package.json')
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).scripts : {}
}

test('every command of npm and of ours that a page shows exists, and installs what the package works with', () => {
  const { name, scripts, peerDependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  // Beside what is installed here: what the quick starts need, and test/system/quickstarts installs.
  const beside = ['drizzle-kit', 'dotenv']
  const installable = new Set([name, ...beside, ...Object.keys({ ...peerDependencies, ...devDependencies })])
  const commands = createProgram().commands.flatMap((one) => [one.name(), ...one.aliases()])
  const faults: string[] = []
  for (const block of blocks.filter(({ language }) => language === 'sh')) {
    for (const line of block.text.split('\n')) {
      const script = /\bnpm run (?:-s )?([\w:-]+)/.exec(line)?.[1]
      if (script !== undefined && !(script in { ...scripts, ...scriptsOf(block) }))
        faults.push(`${place(block)}: npm run ${script}`)
      const packages = /\bnpm install ([^&|#]+)/.exec(line)?.[1]?.trim().split(/\s+/) ?? []
      for (const one of packages.filter((word) => !word.startsWith('-') && !word.includes('/'))) {
        if (!installable.has(one)) faults.push(`${place(block)}: npm install ${one}`)
      }
      const command = /\bnpx postern (\S+)/.exec(line)?.[1]
      if (command !== undefined && !commands.includes(command))
        faults.push(`${place(block)}: postern ${command}`)
    }
  }
  expect(faults).toEqual([])
})

// TypeScript: a page is a directory, a block that begins with `// name.ts` is that file of it.
const project = join(root, '.test-results/docs')
// The files of an application of Next.js are compiled with the example that they are: see quick-starts.test.ts.
const built = (block: Block): boolean =>
  block.file !== undefined && quickStarts[block.page]?.includes('next') === true
/** What a diff of TypeScript leads to, without what it imports from the reader's own application. */
const after = (block: Block): Block => ({
  ...block,
  language: 'ts',
  text: block.text
    .replace(/^-.*$/gm, '')
    .replace(/^[+ ]/gm, '')
    .replace(/^import .* from '@\/.*$/gm, ''),
})
const typescript = blocks
  .map((block) => (block.language === 'diff' ? after(block) : block))
  .filter((block) => /^tsx?$/.test(block.language) && !built(block))

/** In the API reference an example stands below what it is an example of, and need not import that. */
function importsOf({ page, text }: Block): string {
  const entry = page.startsWith('docs/api/') ? /^# `([^`]+)`/.exec(read(page))?.[1] : undefined
  if (entry === undefined) return ''
  const imported = [...text.matchAll(/\bimport (?:type )?\{([^}]*)\}/g)].flatMap(([, names = '']) =>
    names.split(/\W+/),
  )
  const missing = (line: string): string => {
    const names = new RegExp(`^${line}: (.*)$`, 'm').exec(read(page))?.[1]?.match(/(?<=`)\w+/g) ?? []
    const declared = (name: string): boolean =>
      new RegExp(`\\b(?:const|let|class|function) ${name}\\b`).test(text)
    const used = names.filter((name) => new RegExp(`\\b${name}\\b`).test(text) && !declared(name))
    return [...new Set(used)].filter((name) => !imported.includes(name)).join(', ')
  }
  return `import { ${missing('Values')} } from '${entry}'; import type { ${missing('Types')} } from '${entry}'; `
}

interface Diagnostic {
  block: string
  message: string
}
let diagnostics: Diagnostic[] = []

beforeAll(() => {
  rmSync(project, { recursive: true, force: true })
  const written = new Map<string, Block>()
  for (const block of typescript) {
    const name = join(block.page.replace(/\.md$/, ''), block.file ?? `line-${block.line}.${block.language}`)
    if (written.has(name)) throw new Error(`${place(block)}: ${block.file} is in this page twice`)
    written.set(name, block)
    mkdirSync(join(project, dirname(name)), { recursive: true })
    // Without an import or export two blocks would share their names.
    writeFileSync(join(project, name), `${importsOf(block)}${block.text}\nexport {}\n`)
  }
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      module: 'esnext',
      moduleResolution: 'bundler',
      allowImportingTsExtensions: true,
      rewriteRelativeImportExtensions: false,
      noUnusedLocals: false,
      typeRoots: [join(root, 'node_modules/@types')],
      types: ['node'],
    },
    include: ['.', join(root, 'test/docs/*.d.ts')],
    exclude: [],
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], {
    cwd: project,
    encoding: 'utf8',
  })
  // Only what is wrong in the pages: the sources have a check of their own.
  diagnostics = stdout.split('\n').flatMap((line) => {
    const [, file = '', at = '', message = ''] = /^([^(]+)\((\d+),\d+\): error (.*)$/.exec(line) ?? []
    const block = written.get(file)
    return block === undefined ? [] : [{ block: `${block.page}:${block.line + Number(at)}`, message }]
  })
  if (/error TS(?:5\d{3}|18003):/.test(stdout)) throw new Error(stdout)
}, 120_000)

test('every block of TypeScript compiles against the library as it is', () => {
  expect(typescript.length).toBeGreaterThan(0)
  expect(diagnostics).toEqual([])
})
