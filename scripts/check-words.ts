// Plain words: fails for a phrase that a reader of basic English reads twice (scripts/words.ts).
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { proseOf } from './prose.ts'
import { findingsIn } from './words.ts'

const places = ['src', 'docs', 'examples', 'README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md']
const listed = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '--', ...places],
  {
    encoding: 'utf8',
  },
)

let findings = 0
for (const file of listed.split('\n').filter((name) => name !== '' && existsSync(name))) {
  const prose = proseOf(file, readFileSync(file, 'utf8'))
  for (const { line, found, instead } of findingsIn(prose ?? '')) {
    findings++
    console.error(`${file}:${line} "${found}": write ${instead}`)
  }
}
console.log(`words: ${findings} findings`)
process.exitCode = findings ? 1 : 0
