// npm run test:plants [-- name ...]: every planted fault must turn each of its test files red. Takes minutes.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { plants } from '../plants.ts'
import { nameOf } from '../point.ts'

interface Report {
  testResults: { name: string; assertionResults: { status: string; title: string }[] }[]
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !plants.some((plant) => plant.name === name))
if (unknown.length > 0) throw new Error(`no such fault: ${unknown.join(', ')}`)

const directory = mkdtempSync(join(tmpdir(), 'postern-plants-'))
let survived = 0
for (const plant of plants.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`\n${plant.name}: ${plant.mistake}`)
  const fitted = join(directory, `${plant.name}.fitted`)
  for (const one of plant.noticed) {
    const file = join(directory, `${plant.name}.json`)
    rmSync(file, { force: true })
    // one red test is enough, and a fault may make others wait for what never comes
    const options = ['--bail=1', '--testTimeout=15000', '--reporter=json', `--outputFile=${file}`]
    spawnSync('vitest', ['run', `test/${one}`, ...options], {
      env: { ...process.env, POSTERN_PLANT: plant.name, POSTERN_PLANT_FITTED: fitted },
      stdio: 'ignore',
      shell: process.platform === 'win32',
    })
    const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as Report
    const red = testResults
      .flatMap((found) => found.assertionResults)
      .find(({ status }) => status === 'failed')
    if (red === undefined) survived += 1
    console.log(`  ${one}: ${red === undefined ? 'NOT NOTICED' : `red at "${red.title}"`}`)
  }
  // a test that is red for another reason proves nothing
  const planted = new Set(existsSync(fitted) ? readFileSync(fitted, 'utf8').split('\n') : [])
  for (const [index, edit] of plant.edits.entries()) {
    if (planted.has(String(index))) continue
    survived += 1
    console.log(`  NOT PLANTED: no statement that was installed has ${nameOf(edit)}`)
  }
}
rmSync(directory, { recursive: true, force: true })
console.log(`\n${survived === 0 ? 'every planted fault was noticed' : `${survived} not noticed`}`)
process.exitCode = survived === 0 ? 0 : 1
