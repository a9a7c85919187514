// Files, exports and dependencies that nothing uses, and dependencies that package.json does not name (knip.jsonc).
import { spawnSync } from 'node:child_process'

interface Issue {
  name: string
  line?: number
}
type Row = { file: string } & { [kind: string]: string | Issue[] | Issue[][] }

const args = ['--no-progress', '--no-exit-code', '--no-config-hints', '--reporter', 'json']
const { stdout, stderr, error } = spawnSync('knip', args, {
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
  shell: process.platform === 'win32',
})
if (error) throw error

let dead = 0
for (const { file, ...kinds } of reported()) {
  for (const [kind, issues] of Object.entries(kinds)) {
    if (!Array.isArray(issues)) continue
    for (const { name, line } of issues.flat()) {
      dead++
      console.error(`${file}${line ? `:${line}` : ''} ${kind}: ${name}`)
    }
  }
}
console.log(`dead: ${dead}`)
process.exitCode = dead ? 1 : 0

function reported(): Row[] {
  try {
    return JSON.parse(stdout).issues
  } catch {
    throw new Error(`knip failed:\n${stderr}${stdout}`)
  }
}
