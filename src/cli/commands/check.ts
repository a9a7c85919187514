import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withSource } from '../database.ts'
import { tell } from '../outcome.ts'

/** `postern check`. */
export function addCheck(program: Command): void {
  databaseOptions(
    program.command('check').description('Look whether database and schema fit each other.'),
  ).action((options: DatabaseOptions) =>
    withSource(options, async (source) => {
      const findings = await source.check()
      const ok = findings.every(({ level }) => level !== 'error')
      const lines = findings.map(({ level, message, fix }) => `${level.padEnd(7)} ${message}\n        ${fix}`)
      tell({ result: findings, lines: lines.length === 0 ? ['all is well'] : lines, ok }, options)
    }),
  )
}
