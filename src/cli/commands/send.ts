import type { Command } from 'commander'
import type { Client } from '../../client/index.ts'
import { limitOf, mustSign } from '../endpoint.ts'
import { tell } from '../outcome.ts'
import { progress } from '../progress.ts'
import { jsonOf, type RequestOptions, requestOptions, targetOf } from '../request.ts'
import { commitOf, eventLine, refusalLines, rowLines } from '../send.ts'
import { printable, visible } from '../visible.ts'

/** `postern send`: one signed request, and its answer. */
export function addSend(program: Command): void {
  const send = program
    .command('send')
    .description('Sign one request, send it to an endpoint, show the answer.')

  requestOptions(send.command('load').description('One row by its id.'))
    .argument('<model>')
    .argument('<id>')
    .action((model: string, id: string, options: RequestOptions) =>
      answer(options, { type: 'load', model, id }, async (client) => {
        const result = await client.load(model, id)
        return { result, lines: rowLines([result.row], [result.stamp]), ok: result.row !== null }
      }),
    )

  requestOptions(send.command('list').description('A page of rows.'))
    .argument('<model>')
    .option('--where <json>', 'conditions, for example \'[["status","=","todo"]]\'')
    .option('--order-by <field>')
    .option('--limit <n>', 'maximum number of rows', limitOf)
    .option('--cursor <cursor>', 'the cursor of the page before')
    .action((model: string, options: RequestOptions & ListOptions) => {
      const query = queryOf(options)
      return answer(options, { type: 'list', model, query }, async (client) => {
        const result = await client.list(model, query as never)
        const more = result.nextCursor === undefined ? [] : [`more: --cursor ${visible(result.nextCursor)}`]
        return { result, lines: [...rowLines(result.rows as object[], result.stamps), ...more] }
      })
    })

  requestOptions(send.command('commit').description('Operations, all or none, once per key.'))
    .argument(
      '<file>',
      'JSON: an operation, an array of them, or { idempotencyKey, operations }; - is standard input',
    )
    .option('--idempotency-key <key>', "default: the file's own, else a hash of the operations")
    .action(async (file: string, options: RequestOptions & { idempotencyKey?: string }) => {
      const commit = await commitOf(file, options.idempotencyKey)
      const request = {
        type: 'commit',
        correlationId: commit.idempotencyKey,
        clientTxId: commit.idempotencyKey,
        operations: commit.operations,
      }
      await answer(options, request, async (client) => {
        const result = await client.commit(commit as never)
        const held = result.notifications?.length ?? 0
        return {
          result,
          lines: [
            `${result.replayed ? 'replayed: had been applied before' : 'applied'}, under the key ${commit.idempotencyKey}`,
            ...(held > 0 ? [`held back as stale: ${held}`] : []),
            ...rowLines(result.rows as (object | null)[], result.stamps),
          ],
        }
      })
    })

  requestOptions(send.command('events').description('The log of changes.'))
    .option('--cursor <cursor>', 'the cursor to go on from')
    .option('--limit <n>', 'maximum number of events in a page', limitOf)
    .option('--follow', 'go on after the newest event, until interrupted', false)
    .action((options: RequestOptions & { cursor?: string; limit?: number; follow: boolean }) =>
      follow(options),
    )
}

interface ListOptions {
  readonly where?: string
  readonly orderBy?: string
  readonly limit?: number
  readonly cursor?: string
}

function queryOf({ where, orderBy, limit, cursor }: ListOptions): object {
  return {
    ...(where !== undefined && { where: jsonOf(where, '--where') }),
    ...(orderBy !== undefined && { orderBy }),
    ...(limit !== undefined && { limit }),
    ...(cursor !== undefined && { cursor }),
  }
}

/** Sends, or prints what would be sent; a refusal is an answer too, and exit code 1. */
async function answer(
  options: RequestOptions,
  request: object,
  send: (client: Client) => Promise<{ result: unknown; lines: string[]; ok?: boolean }>,
): Promise<void> {
  const { url, key, scope } = targetOf(options)
  await mustSign(key)
  if (options.curl) {
    const { curlOf } = await import('../curl.ts')
    const command = await curlOf(url, key, { ...request, scope })
    return tell({ result: { curl: command }, lines: [command] }, options)
  }
  const { createClient, ClientError } = await import('../../client/index.ts')
  const client = createClient({ url, signingKey: key, scope, retries: 1 })
  try {
    tell(await progress(`asking ${url}`, () => send(client)), options)
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    const { code, status, message, details, requestId } = error
    const result = { error: code, status, message, requestId, details }
    tell({ result, lines: refusalLines(error), ok: false }, options)
  }
}

async function follow(
  options: RequestOptions & { cursor?: string; limit?: number; follow: boolean },
): Promise<void> {
  const { cursor, limit } = options
  const query = { ...(cursor !== undefined && { cursor }), ...(limit !== undefined && { limit }) }
  await answer(options, { type: 'events', ...query }, async (client) => {
    const controller = new AbortController()
    process.once('SIGINT', () => controller.abort())
    process.once('SIGTERM', () => controller.abort())
    let count = 0
    const feed = client.events({ ...query, follow: options.follow }, { signal: controller.signal })
    // as they come: one JSON value a line for machines
    for await (const event of feed) {
      console.log(options.json ? JSON.stringify(event) : printable(eventLine(event)))
      count++
    }
    const last = feed.cursor
    return {
      result: { events: count, cursor: last ?? null },
      lines: [`${count} events${last === undefined ? '' : `; go on with --cursor ${visible(last)}`}`],
    }
  })
}
