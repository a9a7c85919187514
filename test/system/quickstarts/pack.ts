import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { builtPackage } from '../../support/package.ts'

/** `npm pack`, without the build that goes before it: another build may be under way in `dist`. */
export function packPackage(destination: string): string {
  const args = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', destination]
  const [packed] = JSON.parse(execFileSync('npm', args, { cwd: builtPackage(), encoding: 'utf8' }))
  return join(destination, packed.filename)
}
