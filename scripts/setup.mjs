// Plain JavaScript, as it runs on the host's Node, before the vendored one is there.
// Installs what package-lock.json names, unless it is installed already: `npm ci` starts over each time.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const packagesOf = (lockfile) => JSON.parse(readFileSync(lockfile, 'utf8')).packages

function installed() {
  try {
    const present = packagesOf('node_modules/.package-lock.json')
    return Object.entries(packagesOf('package-lock.json')).every(
      ([path, { version, optional }]) =>
        !path.includes('node_modules/') || (present[path] ? present[path].version === version : optional),
    )
  } catch {
    return false
  }
}

if (!installed()) {
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  process.exitCode = status ?? 1
}
