import type { Adapter, ListRequest } from '../src/core/adapter.ts'
import { defaultLimits } from '../src/core/endpoint/limits.ts'
import { prepareWork } from '../src/core/endpoint/work.ts'
import { parseRequest } from '../src/core/protocol/request.ts'
import { commitRequest, fresh, items, requestContext, Stamps, someRow, someRows } from './requests.ts'
import type { Contestant } from './rounds.ts'
import { rowId, schema } from './schema.ts'

/** The engine at its adapters, in the shapes that the endpoint hands to them. */

/** Stamps of the server's log, whichever library wrote it. */
export const stamps = new Stamps()

export const engineUpdate = (
  name: string,
  source: Adapter,
  clients: number,
  readAt = false,
  log = stamps,
): Contestant => ({
  name,
  async step(client) {
    const id = someRow(client, clients)
    const { body } = await source.commit(
      commitRequest([{ type: 'UPDATE', id, readAt: readAt ? log.of(id) : null }]),
    )
    log.note([id], body)
  },
})

export const engineCreate = (name: string, source: Adapter): Contestant => ({
  name,
  step: () => source.commit(commitRequest([{ type: 'CREATE', id: `new-${process.pid}-${fresh()}` }])),
})

/** A commit of so many updates, each with the stamp that its row was read at. */
export const engineMany = (name: string, source: Adapter, n: number, clients: number): Contestant => ({
  name,
  async step(client) {
    const ids = someRows(n, client, clients)
    const { body } = await source.commit(
      commitRequest(ids.map((id) => ({ type: 'UPDATE', id, readAt: stamps.of(id) }))),
    )
    stamps.note(ids, body)
  },
})

/** Half creates, half updates, taking turns. */
export const engineMixed = (name: string, source: Adapter, n: number, clients: number): Contestant => ({
  name,
  async step(client) {
    const ids = someRows(n / 2, client, clients).flatMap((id) => [id, `new-${process.pid}-${fresh()}`])
    const { body } = await source.commit(
      commitRequest(
        ids.map((id, at) =>
          at % 2 === 0 ? { type: 'UPDATE', id, readAt: stamps.of(id) } : { type: 'CREATE', id },
        ),
      ),
    )
    stamps.note(ids, body)
  },
})

/** The same commit again and again: what a caller gets that lost an answer. */
export function engineReplay(name: string, source: Adapter): Contestant {
  const request = commitRequest([{ type: 'UPDATE', id: rowId(0) }])
  return { name, step: () => source.commit(request) }
}

export const engineLoad = (name: string, source: Adapter, clients: number): Contestant => ({
  name,
  step: (client) => source.load({ ...requestContext, model: items, id: someRow(client, clients) }),
})

export const engineList = (name: string, source: Adapter): Contestant => ({
  name,
  step() {
    const where = [['id', '>', rowId(Math.floor(Math.random() * 10_000))]]
    const body = parseRequest({ type: 'list', model: items.name, query: { where, limit: 100 } })
    const work = prepareWork(body, requestContext, { schema, limits: defaultLimits })
    return source.list(work.request as ListRequest)
  },
})

export const engineFeed = (name: string, source: Adapter): Contestant => ({
  name,
  step: () => source.events({ ...requestContext, cursor: undefined, limit: 1000 }),
})
