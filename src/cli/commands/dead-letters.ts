import type { Command } from 'commander'
import type { Letters } from '../../relay/admin.ts'
import { relaysOf } from '../../relay/admin.ts'
import { type DatabaseOptions, databaseOptions, withAdapter } from '../database.ts'
import { limitOf } from '../endpoint.ts'
import { tell, UsageError } from '../outcome.ts'
import { visible } from '../visible.ts'

interface LettersCommand extends DatabaseOptions {
  readonly name: string
  readonly limit: number
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
      .option('--limit <n>', 'this many at most (default: 100)', limitOf, 100)
      .option('--after <id>', 'go on behind this one'),
  ).action((options: LettersCommand) =>
    withAdapter(options, async (adapter) => {
      const { name, after, limit } = options
      if (after !== undefined) mustBeIds([after])
      const relays = relaysOf(adapter)
      const letters = await relays.deadLetters(name, { limit, ...(after !== undefined && { after }) })
      if (letters.length === 0 && !(await relays.status()).some((relay) => relay.name === name))
        throw new Error(`There is no relay ${name}.`)
      // what the rows hold is not for a terminal's history; --json has it
      const lines = letters.map(
        (one) =>
          `${one.id}  ${visible(`${one.model}/${one.entityId}`)} at ${one.position}: ${one.attempts} attempts, ${one.at}, ${visible(one.error)}${one.queued ? ' (to be sent again)' : ''}`,
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
      withAdapter(options, async (adapter) => {
        const { name, model, all } = options
        if (ids.length === 0 && model === undefined && all !== true)
          throw new UsageError('give ids, --model or --all')
        mustBeIds(ids)
        const which: Letters = { ...(ids.length > 0 && { ids }), ...(model !== undefined && { model }) }
        const letters = await relaysOf(adapter)[verb](name, which)
        tell({ result: { letters }, lines: [`${letters} dead letters ${done}`] }, options)
      }),
    )
  }
}

function mustBeIds(ids: readonly string[]): void {
  const wrong = ids.find((id) => !/^[1-9][0-9]{0,17}$/.test(id))
  if (wrong !== undefined)
    throw new UsageError(
      `${visible(wrong)} is not the id of a dead letter: give ids as \`dead-letters list\` shows them`,
    )
}
