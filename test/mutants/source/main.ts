// npm run test:plants:source [-- name ...]: every fault planted in the sources must turn each of its test files red.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type SourcePlant, sourcePlants } from './plants.ts'

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[]
  }[]
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !sourcePlants.some((plant) => plant.name === name))
if (unknown.length > 0) throw new Error(`no such fault: ${unknown.join(', ')}`)
const plants = sourcePlants.filter(({ name }) => wanted.length === 0 || wanted.includes(name))

const root = join(import.meta.dirname, '../../..')
// A copy, so that a run that is broken off leaves no fault behind. Below node_modules Vitest would not compile it.
const tree = join(root, '.test-results', `plants-${process.pid}`)
const LEFT_OUT = ['.git', '.test-results', 'node_modules', 'dist']
mkdirSync(tree, { recursive: true })
for (const entry of readdirSync(root)) {
  if (LEFT_OUT.includes(entry)) continue
  cpSync(join(root, entry), join(tree, entry), {
    recursive: true,
    filter: (path) => !path.includes('/node_modules'),
  })
}
symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'), 'junction')

/** The title of the first red test; undefined when all are green. */
function redOf(files: readonly string[]): string | undefined {
  const report = join(tree, 'report.json')
  rmSync(report, { force: true })
  // one red test is enough, and a fault may make others wait for what never comes
  const options = ['--bail=1', '--testTimeout=30000', '--reporter=json', `--outputFile=${report}`]
  spawnSync('vitest', ['run', ...files.map((file) => `test/${file}`), ...options], {
    cwd: tree,
    stdio: 'ignore',
    shell: process.platform === 'win32',
  })
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  if (testResults.length !== files.length) throw new Error(`not all ran: ${files.join(', ')}`)
  const failed = testResults.find(({ status }) => status === 'failed')
  const red = testResults.flatMap((one) => one.assertionResults).find(({ status }) => status === 'failed')
  return red?.title ?? failed?.message
}

function plant({ file, find, put }: SourcePlant): { restore(): void } {
  const path = join(tree, 'src', file)
  const text = readFileSync(path, 'utf8')
  const times = text.split(find).length - 1
  if (times !== 1) throw new Error(`${file} has ${times} times: ${find}`)
  writeFileSync(
    path,
    text.replace(find, () => put),
  )
  return { restore: () => writeFileSync(path, text) }
}

let found = 0
try {
  for (const one of plants) plant(one).restore()
  // a test that is red by itself proves nothing
  const files = [...new Set(plants.flatMap(({ noticed }) => noticed))]
  const red = redOf(files)
  if (red !== undefined) throw new Error(`red without any fault: ${red}`)
  for (const one of plants) {
    console.log(`${one.name}: ${one.mistake}`)
    const { restore } = plant(one)
    const titles = one.noticed.map((file) => ({ file, title: redOf([file]) }))
    restore()
    for (const { file, title } of titles)
      console.log(`  ${file}: ${title === undefined ? 'NOT NOTICED' : `red at "${title.split('\n')[0]}"`}`)
    if (titles.every(({ title }) => title !== undefined)) found += 1
  }
} finally {
  rmSync(tree, { recursive: true, force: true })
}
console.log(`plants: ${plants.length} planted, ${found} found`)
process.exitCode = found === plants.length ? 0 : 1
