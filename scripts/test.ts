// What `npm test` runs: every check to its end, then the tests. The last line counts: `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

const shell = process.platform === 'win32'
const succeeds = (command: string, args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'inherit', shell }).status === 0

const failures: string[] = []
for (const check of ['typecheck', 'lint', 'check:layers', 'check:dead', 'check:sql']) {
  console.log(`\n> ${check}`)
  if (!succeeds('npm', ['run', '--silent', check])) failures.push(check)
}

console.log('\n> vitest')
const directory = mkdtempSync(join(tmpdir(), 'postern-report-'))
const file = join(directory, 'report.json')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
const passed = succeeds('vitest', ['run', ...reporters, ...process.argv.slice(2)])
const report = readReport()
rmSync(directory, { recursive: true, force: true })

// A file that cannot be loaded has no test to count, yet it has failed.
const brokenFiles = report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0)
let failed = report.numFailedTests + brokenFiles.length
if (!passed && failed === 0) failures.push('vitest')
failed += failures.length

const skipped = report.numPendingTests + report.numTodoTests
if (skipped) console.log(`${skipped} skipped`)
if (failures.length) console.log(`Failed beside the tests: ${failures.join(', ')}`)
console.log(`${report.numPassedTests} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0

function readReport(): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
  }
}
