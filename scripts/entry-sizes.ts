// What each entry weighs: its own modules from dist, gzipped together, without dependencies.
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { importsOf } from './imports.ts'

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
  const size = (gzipSync(code).length / 1024).toFixed(1)
  console.log(`${size.padStart(8)} kB gzip  ${name} (${modules.size} modules)`)
}
