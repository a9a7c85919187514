// What each entry weighs: its own modules from dist, gzipped together, without dependencies. Heavier than its bound fails.
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { importsOf } from './imports.ts'

/** kB. Raise one on purpose, in the change that needs it: an entry that grows by itself has imported too much. */
const bounds: Readonly<Record<string, number>> = {
  './client': 16,
  './memory': 24,
  './handlers': 24,
  './next': 40,
  './express': 40,
  './node': 40,
  './conformance': 110,
  './testing': 120,
  './relay-nats': 4,
  './opentelemetry': 2,
}
const bound = (name: string): number => bounds[name] ?? 70

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [name, { default: file }] of Object.entries<{ default?: string }>(exports)) {
  if (!file || !existsSync(file)) continue
  const modules = new Set<string>()
  const visit = (module: string): void => {
    if (modules.has(module)) return
    modules.add(module)
    importsOf(module).files.forEach(visit)
  }
  visit(file.replace('./', ''))
  const code = [...modules].map((module) => readFileSync(module, 'utf8')).join('\n')
  const size = gzipSync(code).length / 1024
  const most = bound(name)
  console.log(`${size.toFixed(1).padStart(8)} of ${most} kB gzip  ${name} (${modules.size} modules)`)
  if (size > most) {
    console.error(`${name} is heavier than ${most} kB`)
    process.exitCode = 1
  }
}
