import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withAdapter } from '../database.ts'
import { tell } from '../outcome.ts'

/** `postern renew-log`. */
export function addRenewLog(program: Command): void {
  databaseOptions(
    program
      .command('renew-log')
      .description(
        'Give the log a new name after a restore: every cursor ends, positions go on behind a gap.',
      ),
  ).action((options: DatabaseOptions) =>
    withAdapter(options, async (adapter) => {
      const name = await adapter.renewLog()
      tell({ result: { name }, lines: [`The log is named ${name} by now; followers start anew.`] }, options)
    }),
  )
}
