import type { Command } from 'commander'
import { schemaDigest } from '../../core/schema/digest.ts'
import type { InstalledDigest } from '../../postgres/admin/retire.ts'
import { type DatabaseOptions, databaseOptions, type Opened, withOpened } from '../database.ts'
import { tell } from '../outcome.ts'
import { visible } from '../visible.ts'

interface RetireOptions extends DatabaseOptions {
  readonly dryRun?: boolean
  readonly force?: boolean
}

/** `postern retire`. */
export function addRetire(program: Command): void {
  databaseOptions(
    program
      .command('retire')
      .description(
        'Drop the functions of an old schema digest; without a digest, list those that are installed.',
      )
      .argument('[digest]', 'eight hexadecimal digits, as `migrate` and the list show them')
      .option('--dry-run', 'say what would be dropped, and drop nothing')
      .option('--force', 'also the present digest, and one that was in use in the last 7 days'),
  ).action((digest: string | undefined, options: RetireOptions) =>
    withOpened(options, (opened) =>
      digest === undefined ? list(opened, options) : drop(digest, opened, options),
    ),
  )
}

async function list({ connection, schema, namespace }: Opened, options: RetireOptions): Promise<void> {
  const { installedDigests } = await import('../../postgres/admin/retire.ts')
  const digests = await installedDigests(connection, namespace, schemaDigest(schema))
  const lines = digests.length === 0 ? ['Nothing is installed.'] : digests.map(lineOf)
  tell({ result: digests, lines }, options)
}

const lineOf = ({ digest, present, models, functions, usedAt }: InstalledDigest): string =>
  `${digest}${present ? ' (present)' : ''}: ${functions} functions for ${models.map(visible).join(', ')}; last used ${usedAt}`

async function drop(
  digest: string,
  { connection, schema, namespace }: Opened,
  options: RetireOptions,
): Promise<void> {
  const { retire } = await import('../../postgres/admin/retire.ts')
  const { dryRun = false, force = false } = options
  const retired = await retire(connection, namespace, digest, schemaDigest(schema), { dryRun, force })
  const { dropped, unknownTables } = retired
  const lines = [
    `${dryRun ? 'Would drop' : 'Dropped'} ${dropped.length} functions of schema digest ${digest}.`,
    ...(unknownTables.length === 0
      ? []
      : [
          `No other digest knows ${unknownTables.map(visible).join(', ')}: the log of these tables stays, and capture triggers go on.`,
        ]),
  ]
  tell({ result: { ...retired, dryRun }, lines }, options)
}
