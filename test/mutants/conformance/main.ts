// Runs every mutant against the check that must kill it: `npm run conformance:mutants`. With `--matrix` each of them also
// meets all other quick checks but the races, and who else noticed it is kept for the docs; with `--only`, those that did
// not run keep what is known of them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { levels } from '../../../src/conformance/index.ts'
import { newSeed } from '../../../src/conformance/run.ts'
import { openServer } from '../../system/conformance/server.ts'
import { mutants } from './index.ts'
import { attempt, noticed } from './kill.ts'
import type { Matrix } from './matrix.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    seed: { type: 'string' },
    matrix: { type: 'boolean', default: false },
  },
})
const chosen = mutants.filter(({ killedBy }) => values.only === undefined || values.only.includes(killedBy))
const seed = values.seed ?? newSeed()
const server = await openServer()
const file = join(import.meta.dirname, 'matrix.json')
const matrix: Matrix = {}
let killed = 0
console.log(`seed ${seed}`)
try {
  for (const mutant of chosen) {
    const kill = await attempt(mutant, server, seed)
    if (kill.killed) killed++
    console.log(
      `${kill.killed ? '✓' : '✗'} ${mutant.killedBy.padEnd(12)} ${mutant.in.padEnd(7)} ${mutant.fault}`,
    )
    if (!kill.killed) console.log(`    expected: ${mutant.message}\n    found:    ${kill.found}`)
    if (!values.matrix) continue
    const counts = await noticed(mutant, server, seed)
    matrix[mutant.fault] = counts
    console.log(`    ${levels.map((level) => `${level} ${counts[level] ?? 0}`).join(', ')}`)
  }
} finally {
  await server.stop()
}
if (values.matrix) {
  const known = { ...(JSON.parse(readFileSync(file, 'utf8')) as Matrix), ...matrix }
  const kept = mutants.flatMap(({ fault }) => (known[fault] ? [[fault, known[fault]]] : []))
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`)
}
console.log(`mutants: ${killed} of ${chosen.length} killed`)
process.exitCode = killed === chosen.length ? 0 : 1
