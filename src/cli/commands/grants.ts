import { type Command, Option } from 'commander'
import { loadProject } from '../module.ts'
import { tell } from '../outcome.ts'

interface GrantsOptions {
  readonly config?: string
  readonly schema?: string
  readonly namespace?: string
  readonly tables: boolean
  readonly prune: boolean
  readonly acknowledge: boolean
  readonly relay: boolean
  readonly json: boolean
}

/** `postern grants`. */
export function addGrants(program: Command): void {
  program
    .command('grants')
    .description(
      'Print what an ordinary role needs to answer requests, as SQL; run it as the role that migrates.',
    )
    .argument('<role>', 'the role that the application connects as')
    .option('--config <file>', 'a module that exports your adapter or schema; default: postern.config.ts')
    .addOption(new Option('--schema <file>', 'the same, for a module that has a schema alone'))
    .option('--no-tables', "leave out what the models' own tables need")
    .option('--prune', 'also what `prune` needs', false)
    .option('--acknowledge', 'also what named followers need', false)
    .option('--relay', 'also what relays need', false)
    .option('--namespace <name>', "postern's schema in the database (default: postern)")
    .option('--json', 'one JSON value on standard output, for machines', false)
    .action(run)
}

async function run(role: string, options: GrantsOptions): Promise<void> {
  const { grants } = await import('../../postgres/install/grants.ts')
  // of an adapter, the schema under the names of its ORM: with the columns that the ORM fills in and callers never see
  const { schema, parts } = await loadProject(options.config ?? options.schema)
  const { prune, acknowledge, relay } = options
  const statements = grants(role, {
    namespace: options.namespace ?? parts?.options.namespace ?? 'postern',
    ...(options.tables && { tables: schema }),
    prune,
    acknowledge,
    relay,
  })
  tell({ result: statements, lines: statements.map((one) => `${one};`) }, options)
}
