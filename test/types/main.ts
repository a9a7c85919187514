// Compiles the cases of this folder against the package as it is published, with three compilers and both ways of
// finding modules: `npm run check:types`. `// case:` begins one that must compile, `// refused: text` one line further
// on one that must not, with a message that has the text.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installPackage } from '../support/package.ts'

const root = join(import.meta.dirname, '../..')
const cases = join(import.meta.dirname, 'cases')
const application = join(root, '.test-results/types')

const compilers = [
  { name: '5.4', directory: 'dev/typescript-5.4/node_modules/typescript' },
  { name: '5.9', directory: 'dev/typescript-5.9/node_modules/typescript' },
  { name: 'newest', directory: 'node_modules/typescript' },
]
const resolutions = [
  { module: 'esnext', moduleResolution: 'bundler' },
  { module: 'nodenext', moduleResolution: 'nodenext' },
]
const compilerOptions = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  declaration: true,
  skipLibCheck: false,
}

interface Expected {
  readonly file: string
  readonly line: number
  readonly text: string
}

interface Found {
  readonly file: string
  readonly line: number
  readonly message: string
}

const MARK = /^\s*\/\/ (case|refused): (.*)$/

function readCases(): { count: number; refused: Expected[] } {
  let count = 0
  const refused: Expected[] = []
  for (const file of readdirSync(cases)) {
    for (const [index, line] of readFileSync(join(cases, file), 'utf8').split('\n').entries()) {
      const [, kind, text = ''] = MARK.exec(line) ?? []
      if (kind !== undefined) count++
      if (kind === 'refused') refused.push({ file, line: index + 2, text })
    }
  }
  return { count, refused }
}

/** What the compiler says about the cases and about our declarations; those of other packages are theirs. */
function compile(directory: string, resolution: object): Found[] {
  const options = { ...compilerOptions, ...resolution, outDir: 'out', rootDir: 'cases' }
  writeFileSync(
    join(application, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['cases'] }),
  )
  const { stdout, error } = spawnSync(
    process.execPath,
    [join(root, directory, 'bin/tsc'), '-p', '.', '--pretty', 'false', '--noErrorTruncation'],
    { cwd: application, encoding: 'utf8', maxBuffer: 1e9 },
  )
  if (error) throw error
  const found: Found[] = []
  for (const line of stdout.split('\n')) {
    const match = /^(?:(.+?)\((\d+),\d+\): )?error (.*)$/.exec(line)
    const last = found.at(-1)
    if (match) found.push({ file: match[1] ?? '', line: Number(match[2]), message: match[3] ?? '' })
    else if (last && line.startsWith(' '))
      found[found.length - 1] = { ...last, message: `${last.message}\n${line}` }
  }
  return found
    .map((one) => ({ ...one, file: one.file.replace(/^cases\//, '') }))
    .filter(({ file }) => !file.includes('node_modules/') || file.includes('node_modules/postern/'))
}

/** The order of a union's members is the compiler's own. */
function has(message: string, text: string): boolean {
  const members = (part: string): string =>
    part.replace(/"[^"]*"(?: \| "[^"]*")+/g, (union) => union.split(' | ').sort().join(' | '))
  return members(message).includes(members(text))
}

rmSync(application, { recursive: true, force: true })
mkdirSync(application, { recursive: true })
cpSync(cases, join(application, 'cases'), { recursive: true })
writeFileSync(join(application, 'package.json'), '{"private":true,"type":"module"}')
installPackage(application)

const { count, refused } = readCases()
let differences = 0
for (const { name, directory } of compilers) {
  for (const resolution of resolutions) {
    const found = compile(directory, resolution)
    const faults: string[] = []
    for (const { file, line, text } of refused) {
      const there = found.filter((one) => one.file === file && one.line === line)
      if (there.length === 0) faults.push(`${file}:${line} compiles; expected an error with: ${text}`)
      else if (!there.some(({ message }) => has(message, text))) {
        faults.push(
          `${file}:${line} has another error: ${there[0]?.message.slice(0, 600)}\n    expected: ${text}`,
        )
      }
    }
    for (const { file, line, message } of found) {
      if (refused.some((one) => one.file === file && one.line === line)) continue
      faults.push(`${file}:${line} does not compile: ${message.slice(0, 600)}`)
    }
    differences += faults.length
    console.log(`TypeScript ${name}, ${resolution.moduleResolution}: ${faults.length} differences`)
    for (const fault of faults) console.log(`  ${fault}`)
  }
}
console.log(`types: ${compilers.length} compilers, ${count} cases, ${differences} differences`)
process.exitCode = differences === 0 ? 0 : 1
