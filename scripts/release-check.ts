// npm run release:check: the release up to the publish step, in a copy of the last commit: the version and the changelog
// from the changesets, the build, the checks of the package, `npm publish --dry-run`. The checkout stays as it is.
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const base = mkdtempSync(join(tmpdir(), 'postern-release-'))
const copy = join(base, 'postern')

function run(command: string, args: readonly string[], cwd = copy): void {
  console.log(`$ ${command} ${args.join(' ')}`)
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}

try {
  run('git', ['clone', '--quiet', '--no-hardlinks', root, copy], base)
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir')
  const pending = globSync('.changeset/*.md', { cwd: copy }).filter((file) => !file.endsWith('README.md'))
  console.log(`${pending.length} changesets`)
  if (pending.length > 0) run('npx', ['changeset', 'version'])
  const { version } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as { version: string }
  if (!readFileSync(join(copy, 'CHANGELOG.md'), 'utf8').includes(version))
    throw new Error(`CHANGELOG.md has no part for ${version}`)
  run('npm', ['run', '--silent', 'check:package'])
  run('npm', ['publish', '--dry-run', '--ignore-scripts', '--access', 'public', '--tag', 'latest'])
  console.log(`release: ${version} is ready; what is left is npm publish --provenance`)
} catch (error) {
  console.error(`release: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  rmSync(base, { recursive: true, force: true })
}
