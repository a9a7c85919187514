// What each entry weighs in an application: its own code, bundled and minified with esbuild, gzipped, without
// dependencies. Code that is loaded on demand counts too. An entry heavier than its bound fails.
import { existsSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** kB. Raise one on purpose, in the change that needs it: an entry that grows by itself has imported too much. */
const bounds: Readonly<Record<string, number>> = {
  './client': 12,
  './memory': 12,
  './handlers': 8,
  './next': 1,
  './express': 3,
  './node': 3,
  './conformance': 70,
  './relay': 20,
  './relay-nats': 5,
  './testing': 80,
  './opentelemetry': 1,
  './drizzle': 50,
  './prisma': 50,
}
const bound = (name: string): number => bounds[name] ?? 40

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [name, { default: file }] of Object.entries<{ default?: string }>(exports)) {
  if (!file || !existsSync(file)) continue
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    packages: 'external',
    logLevel: 'error',
  })
  const size = gzipSync(outputFiles[0]?.contents ?? '').length / 1024
  const most = bound(name)
  console.log(`${size.toFixed(1).padStart(8)} of ${most} kB gzip  ${name}`)
  if (size > most) {
    console.error(`${name} is heavier than ${most} kB`)
    process.exitCode = 1
  }
}
