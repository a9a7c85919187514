import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { UsageError } from './outcome.ts'

/** Writes a file that is not there yet, or is empty, its directory too. @throws UsageError otherwise, unless `force`. */
export function writeNew(file: string, text: string, force = false): void {
  // a migration that `drizzle-kit generate --custom` made is a comment to be filled in
  const isEmpty = (): boolean => /^(\s|--[^\n]*(\n|$))*$/.test(readFileSync(file, 'utf8'))
  if (!force && existsSync(file) && !isEmpty())
    throw new UsageError(`${file} is there already; --force overwrites it`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
