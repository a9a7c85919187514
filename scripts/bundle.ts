// Writes the JavaScript of `dist`, one file for each entry and shared chunks beside them; `npm run build` calls it after the
// compiler has written the declarations. zod is bundled in: what it costs to import are its 95 files and not its code.
// Every entry shares the one copy, and schemas made with an application's own zod are taken by their traits.
import { copyFileSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { build } from 'rolldown'

const root = join(import.meta.dirname, '..')
const directory = process.argv[2] ?? join(root, 'dist')
const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { 'postern-source'?: string }>
  bin: Record<string, string>
}
const sources = [
  ...Object.values(exports).flatMap((entry) => entry['postern-source'] ?? []),
  ...Object.values(bin).map((file) => file.replace('./dist/', './src/').replace(/\.js$/, '.ts')),
]
const named = (file: string): string => file.replace(/^\.\/src\//, '').replace(/\.ts$/, '')

await build({
  cwd: root,
  input: Object.fromEntries(sources.map((file) => [named(file), file])),
  external: (id) =>
    builtinModules.includes(id) || /^node:|^(?!zod\/|zod$|@oxc-project\/)[a-z@][^:]*$/.test(id),
  platform: 'node',
  transform: { target: 'es2024' },
  output: {
    dir: directory,
    format: 'esm',
    sourcemap: true,
    codeSplitting: { groups: [{ name: 'zod', test: /node_modules.zod/ }] },
    entryFileNames: '[name].js',
    // as deep as src/cli, from where package.json is read
    chunkFileNames: 'chunks/[name]-[hash].js',
  },
})
copyFileSync(join(root, 'node_modules/zod/LICENSE'), join(directory, 'zod-LICENSE'))
