import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withAdapter } from '../database.ts'
import { tell } from '../outcome.ts'

/** `postern prune`. */
export function addPrune(program: Command): void {
  databaseOptions(
    program.command('prune').description('Compact the log, drop keys past twice their retention.'),
  ).action((options: DatabaseOptions) =>
    withAdapter(options, async (source) => {
      const report = await source.prune()
      const { events, keys, prunedThrough } = report
      const line = `${events} events and ${keys} keys went; pruned up to ${prunedThrough}`
      tell({ result: report, lines: [line] }, options)
    }),
  )
}
