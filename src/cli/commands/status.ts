import type { Command } from 'commander'
import { relaysOf } from '../../relay/admin.ts'
import { type DatabaseOptions, databaseOptions, withAdapter } from '../database.ts'
import { tell } from '../outcome.ts'
import { visible } from '../visible.ts'

/** `postern status`. */
export function addStatus(program: Command): void {
  databaseOptions(
    program.command('status').description('Show how far the feed is, and what holds it back.'),
  ).action((options: DatabaseOptions) =>
    withAdapter(options, async (source) => {
      const status = await source.feedStatus()
      const relays = await relaysOf(source).status()
      const { position, horizon, prunedThrough, blockers, followers, bytes } = status
      const lines = [
        `position ${position}, readable up to ${horizon}, pruned up to ${prunedThrough}`,
        `log ${bytes.log} bytes, ledger ${bytes.ledger} bytes`,
        ...blockers.map(
          (one) =>
            `in flight from ${one.position}: backend ${one.pid ?? one.prepared}, ${one.ageSeconds ?? '?'} s, ${one.state ?? ''}`,
        ),
        ...followers.map(
          ({ name, behind, seenAt }) => `follower ${visible(name)}: ${behind} behind, last seen ${seenAt}`,
        ),
        ...relays.map(
          ({ name, state, behind, lagSeconds, deadLetters, lastError }) =>
            `relay ${visible(name)}: ${state}, ${behind} behind (${lagSeconds} s), ${deadLetters} dead letters${lastError === null ? '' : `, last error: ${visible(lastError)}`}`,
        ),
      ]
      tell({ result: { ...status, relays }, lines }, options)
    }),
  )
}
