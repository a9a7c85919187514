import type { Scope } from '../core/adapter.ts'
import type { Schema } from '../core/schema/define.ts'
import { createSend, type Send, sleep } from './send.ts'
import type { Client, ClientOptions, Committed, EventsPage, EventsQuery, Loaded, Page } from './types.ts'

export type { Scope } from '../core/adapter.ts'
export type { ChangeEvent } from '../core/rules/event.ts'
export type { StaleReason, StaleReport } from '../core/rules/staleness.ts'
export type { SigningInput, SigningKey } from '../core/signature/sign.ts'
export { ClientError, type TransportCode } from './error.ts'
export type {
  Client,
  ClientOptions,
  Commit,
  CommitOperation,
  Committed,
  EventsPage,
  EventsQuery,
  ListQuery,
  Loaded,
  Page,
} from './types.ts'

const POLL_MS = 1_000

/**
 * Makes a client of a Data Source endpoint: it signs, sends, retries what may be sent again (always with the same
 * idempotency key and a fresh signature), and turns refusals into `ClientError`.
 *
 * Give it the schema's type for typed models, rows and operations. Whoever holds the key may do everything that the
 * key may: keep it on servers.
 *
 * @throws TypeError for an address that is none, or without `key` and `sign`
 * @example
 * const client = createClient<typeof schema>({ url: 'https://app.example.com/api/source', signingKey: 'sk_the_key' })
 * const { row, stamp } = await client.load('tasks', 't1', { organizationId: 'org_1' })
 * await client.commit(
 *   {
 *     idempotencyKey: 'task:t1:done',
 *     operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { title: `${row?.title}!` }, readAt: stamp }],
 *   },
 *   { organizationId: 'org_1' },
 * )
 */
export function createClient<S extends Schema = Schema>(options: ClientOptions): Client<S> {
  const send = createSend(options)
  const scoped = (scope: Scope | undefined) => ({ scope: { ...options.scope, ...scope } })

  const list = async (model: string, query: object, scope: Scope | undefined) =>
    (await send({ type: 'list', model, query, ...scoped(scope) })).body as unknown as Page<never>

  return {
    load: async (model, id, scope) =>
      (await send({ type: 'load', model, id, ...scoped(scope) })).body as unknown as Loaded<never>,

    list: (model, query = {}, scope) => list(model, query, scope),

    async *listAll(model, query = {}, scope) {
      let cursor = query.cursor
      do {
        const page = await list(model, { ...query, ...(cursor && { cursor }) }, scope)
        for (const [index, row] of page.rows.entries()) yield { row, stamp: page.stamps[index] ?? page.stamp }
        cursor = page.nextCursor
      } while (cursor !== undefined)
    },

    commit: async ({ idempotencyKey: key, ...commit }, scope) => {
      // Under both names: what calls itself a Data Source knows at least one of them.
      const request = { type: 'commit', correlationId: key, clientTxId: key, ...commit, ...scoped(scope) }
      const { body, headers } = await send(request)
      return { ...(body as unknown as Committed<S>), replayed: headers.get('idempotent-replayed') === 'true' }
    },

    events: (query = {}, scope) => walk(send, query, scoped(scope)),
  }
}

async function* walk(
  send: Send,
  { cursor: start, limit, follow = false, pollMs = POLL_MS, signal }: EventsQuery,
  scope: object,
): AsyncGenerator<EventsPage, void, undefined> {
  let cursor = start
  try {
    for (;;) {
      const { body } = await send({ type: 'events', cursor, limit, ...scope }, signal)
      const page = body as { events: EventsPage['events']; nextCursor?: string | null }
      // A source that has nothing new may leave the cursor out; the old one still stands.
      cursor = page.nextCursor ?? cursor
      if (page.events.length > 0) yield { events: page.events, cursor }
      else if (!follow) return
      else await sleep(pollMs, signal)
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  }
}
