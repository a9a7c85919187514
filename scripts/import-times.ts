// npm run bench:imports: the processor time that each entry takes to import in a process of its own, and how many modules
// that loads. The best of twenty, since other work on the machine only adds. Needs `npm run build`. Prints the table of docs/performance.md.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '..')
const runs = Number(process.argv[2] ?? 20)
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const program = `
import { registerHooks } from 'node:module'
let modules = 0
if (process.env.COUNT) registerHooks({ load(url, context, next) { modules++; return next(url, context) } })
const before = process.cpuUsage()
await import(process.argv[1])
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify([(user + system) / 1000, modules]))
process.exit(0)`

function measured(file: string, env: object = {}): [ms: number, modules: number] {
  const args = ['--input-type=module', '-e', program, pathToFileURL(join(root, file)).href]
  const options = { env: { ...process.env, NODE_OPTIONS: '', ...env }, encoding: 'utf8' } as const
  return JSON.parse(execFileSync(process.execPath, args, options))
}

console.log('| entry | import, ms of processor time | modules |\n|---|---|---|')
for (const [name, entry] of Object.entries<{ default?: string }>(exports)) {
  const file = entry.default
  if (file === undefined) continue
  const [, modules] = measured(file, { COUNT: '1' })
  const best = Math.min(...Array.from({ length: runs }, () => measured(file)[0]))
  console.log(`| \`postern${name.slice(1)}\` | ${best.toFixed(1)} | ${modules} |`)
}
