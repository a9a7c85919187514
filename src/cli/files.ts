import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from './outcome.ts'

/** Writes a file that is not there yet, its directory too. @throws UsageError where there is one, unless `force`. */
export function writeNew(file: string, text: string, force = false): void {
  if (!force && existsSync(file)) throw new UsageError(`${file} is there already; --force writes over it`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
