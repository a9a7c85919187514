import type { Command } from 'commander'
import type { Letters } from '../../adapters/postgres/relay-operate.ts'
import { relaysOf } from '../../adapters/postgres/relay-operate.ts'
import { type DatabaseOptions, databaseOptions, withSource } from '../database.ts'
import { tell, UsageError } from '../outcome.ts'

interface LettersCommand extends DatabaseOptions {
  readonly name: string
  readonly limit: string
  readonly after?: string
  readonly model?: string
  readonly all?: boolean
}

const NAME = ['--name <name>', 'the relay, as it was named (default: relay)', 'relay'] as const

/** `postern dead-letters list`, `redrive` and `discard`. */
export function addDeadLetters(program: Command): void {
  const command = program
    .command('dead-letters')
    .helpCommand(false)
    .description('List what a relay could not deliver, have it sent again, or give it up.')

  databaseOptions(
    command
      .command('list')
      .description('Show dead letters, oldest first.')
      .option(...NAME)
      .option('--limit <n>', 'this many at most (default: 100)', '100')
      .option('--after <id>', 'go on behind this one'),
  ).action((options: LettersCommand) =>
    withSource(options, async (source) => {
      const limit = Number(options.limit)
      if (!Number.isSafeInteger(limit) || limit < 1) throw new UsageError('--limit: a whole number from 1')
      const { name, after } = options
      const letters = await relaysOf(source).deadLetters(name, {
        limit,
        ...(after !== undefined && { after }),
      })
      // what the rows hold is not for a terminal's history; --json has it
      const lines = letters.map(
        (one) =>
          `${one.id}  ${one.model}/${one.entityId} at ${one.position}: ${one.attempts} attempts, ${one.at}, ${one.error}${one.queued ? ' (to be sent again)' : ''}`,
      )
      tell({ result: letters, lines: lines.length === 0 ? ['no dead letters'] : lines }, options)
    }),
  )

  for (const [verb, description, done] of [
    [
      'redrive',
      'Have dead letters sent again by the running relay, with all others of their rows.',
      'to be sent again',
    ],
    [
      'discard',
      'Give dead letters up, with all others of their rows; what comes after them goes on.',
      'given up',
    ],
  ] as const) {
    databaseOptions(
      command
        .command(verb)
        .description(description)
        .argument('[ids...]', 'as list shows them')
        .option(...NAME)
        .option('--model <name>', 'those of one model')
        .option('--all', 'all of them', false),
    ).action((ids: string[], options: LettersCommand) =>
      withSource(options, async (source) => {
        const { name, model, all } = options
        if (ids.length === 0 && model === undefined && all !== true)
          throw new UsageError('give ids, --model or --all')
        const which: Letters = { ...(ids.length > 0 && { ids }), ...(model !== undefined && { model }) }
        const letters = await relaysOf(source)[verb](name, which)
        tell({ result: { letters }, lines: [`${letters} dead letters ${done}`] }, options)
      }),
    )
  }
}
