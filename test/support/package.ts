import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const results = join(root, '.test-results')
/** What `files` of package.json names; what npm adds by itself is in it. */
const published = [
  'package.json',
  'README.md',
  'AGENTS.md',
  'llms.txt',
  'CHANGELOG.md',
  'LICENSE',
  'docs',
  'src',
]

/** The package as it is published, built once for each state of the sources, whoever asks first. */
export function builtPackage(): string {
  const hash = createHash('sha256')
  for (const file of [
    'package.json',
    'tsconfig.build.json',
    'scripts/bundle.ts',
    ...globSync('src/**/*.ts', { cwd: root }).sort(),
  ]) {
    hash.update(file).update(readFileSync(join(root, file)))
  }
  const directory = join(results, `package-${hash.digest('hex').slice(0, 16)}`)
  if (existsSync(directory)) return directory
  mkdirSync(results, { recursive: true })
  // Builds of states that are past; one of just now may still be in use by another run.
  for (const old of globSync('package-*', { cwd: results })) {
    const path = join(results, old)
    if (Date.now() - statSync(path).mtimeMs > 3_600_000) rmSync(path, { recursive: true, force: true })
  }
  const draft = mkdtempSync(join(results, 'package-draft-'))
  for (const name of published) cpSync(join(root, name), join(draft, name), { recursive: true })
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  // Its exit code says whether types hold, which is for another check; what is missing fails its user.
  const dist = join(draft, 'dist')
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', dist], { cwd: root })
  execFileSync(process.execPath, [join(root, 'scripts/bundle.ts'), dist], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  try {
    renameSync(draft, directory)
  } catch {
    // Another process was faster.
    rmSync(draft, { recursive: true, force: true })
  }
  return directory
}

/** Puts the package where only this application finds it, which then goes through the map of exports. */
export function installPackage(application: string): void {
  const target = join(application, 'node_modules/postern')
  rmSync(target, { recursive: true, force: true })
  cpSync(builtPackage(), target, { recursive: true })
}
