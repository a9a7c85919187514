import type { Command } from 'commander'
import { type DatabaseOptions, databaseOptions, withOpened } from '../database.ts'
import { type Line, table } from '../doctor/line.ts'
import { endpointAddress, keyOf, keyOption, mustSign, tenantOption } from '../endpoint.ts'
import { tell } from '../outcome.ts'
import { progress } from '../progress.ts'

interface CheckOptions extends DatabaseOptions {
  readonly key?: string
  readonly tenant?: string
}

/** `postern check` and `postern doctor`: one looks at what must fit, the other at everything. */
export function addCheck(program: Command): void {
  add(
    program,
    'check',
    'Look whether database, schema, grants and settings fit each other; with --url, call the endpoint.',
    false,
  )
  add(program, 'doctor', 'check, and also the pooler, the feed, storage and retention.', true)
}

function add(program: Command, name: string, description: string, everything: boolean): void {
  const command = program
    .command(name)
    .description(description)
    .option('--url <endpoint>', 'also call this endpoint, signed with the key')
    .addOption(keyOption())
    .addOption(tenantOption())
  databaseOptions(command).action((options: CheckOptions) => run(options, everything))
}

async function run(given: CheckOptions, everything: boolean): Promise<void> {
  // --url is the endpoint here; an address of a database is taken as what it is
  const isDatabase = /^postgres(ql)?:/.test(given.url ?? '')
  const { url: address, ...others } = given
  const database = given.database ?? (isDatabase ? address : undefined)
  const options = { ...others, ...(database !== undefined && { database }) }
  const endpoint = isDatabase ? undefined : address
  const key = endpoint === undefined ? undefined : keyOf(given)
  if (endpoint !== undefined) endpointAddress(endpoint)
  if (key !== undefined) await mustSign(key)

  await withOpened(options, async ({ adapter, connection, schema, namespace, database: server }) => {
    const lines: Line[] = await progress('looking at the database', () => adapter.check())
    const broken = new Set(lines.filter(({ level }) => level === 'error').map(({ subject }) => subject))
    for (const { name, table: at } of schema.models.values()) {
      const fits = `fits ${[at.schema, at.name].filter((part) => part !== undefined).join('.')}`
      if (!broken.has(name) && !broken.has('models'))
        lines.push({ level: 'ok', subject: name, message: fits })
    }
    if (everything) {
      const { lookForPooler } = await import('../doctor/pooler.ts')
      const { lookAtPath } = await import('../../postgres/install/check/server.ts')
      const { lookAtLog } = await import('../doctor/storage.ts')
      if (server !== undefined)
        lines.push(await progress('looking for a pooler', () => lookForPooler(server)))
      lines.push(...(await progress('looking at the search path', () => lookAtPath(connection))))
      if (!broken.has(namespace)) lines.push(...(await lookAtLog(adapter, connection, namespace)))
    }
    const [model] = schema.models.values()
    if (endpoint !== undefined && key !== undefined && model !== undefined) {
      const { callItself } = await import('../doctor/self-call.ts')
      const tenant = given.tenant ?? 'postern-check'
      lines.push(await progress(`calling ${endpoint}`, () => callItself(endpoint, key, model, tenant)))
    }
    tell({ result: lines, lines: table(lines), ok: lines.every(({ level }) => level !== 'error') }, options)
  })
}
