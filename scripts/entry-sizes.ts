// What each entry weighs in an application: its own code, bundled and minified with esbuild, gzipped, without
// dependencies and without zod, which is in the package. First what is loaded with the entry, then all, with what is
// loaded on demand: `migrate`, `check`, the operator's tasks. An entry that loads more than its bound fails.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'

/** kB. Raise one on purpose, in the change that needs it: an entry that grows by itself has imported too much. */
const bounds: Readonly<Record<string, number>> = {
  './client': 12,
  './memory': 17,
  './handlers': 8,
  './postgres': 70,
  './next': 1,
  './express': 4,
  './node': 4,
  './conformance': 80,
  './relay': 20,
  './relay-nats': 6,
  './testing': 80,
  './opentelemetry': 1,
  './drizzle': 50,
  './prisma': 50,
}
const bound = (name: string): number => bounds[name] ?? 40

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
for (const [name, { 'postern-source': file }] of Object.entries<{ 'postern-source'?: string }>(exports)) {
  if (!file) continue
  const { outputFiles, metafile } = await build({
    entryPoints: [file],
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    metafile: true,
    outdir: 'out',
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    packages: 'external',
    logLevel: 'error',
  })
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [
      relative(process.cwd(), path),
      gzipSync(contents).length / 1024,
    ]),
  )
  const sum = (files: Iterable<string>): number =>
    [...files].reduce((all, one) => all + (sizes.get(one) ?? 0), 0)
  const atOnce = loaded(
    metafile,
    Object.keys(metafile.outputs).find((one) => metafile.outputs[one]?.entryPoint === file.slice(2)),
  )
  const size = sum(atOnce)
  const most = bound(name)
  console.log(
    `${size.toFixed(1).padStart(8)} of ${most} kB gzip, ${sum(sizes.keys()).toFixed(1)} with all of it  ${name}`,
  )
  if (size > most) {
    console.error(`${name} is heavier than ${most} kB`)
    process.exitCode = 1
  }
}

/** A file, and those that it imports without waiting for a call. */
function loaded({ outputs }: Metafile, file = '', seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const { path, kind, external } of outputs[file]?.imports ?? [])
    if (!external && kind === 'import-statement') loaded({ outputs, inputs: {} }, path, seen)
  return seen
}
