import type { EventsRequest, ListRequest, LoadRequest } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import { readFeedCursor, sealFeedCursor } from '../../core/protocol/cursor.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../connection.ts'
import { readCommitted } from '../connection.ts'
import type { BoundModel } from '../model/bound-model.ts'
import { eventsCall, ofModels, pageOf } from './entry.ts'
import { fitId, fitTenant } from './fit.ts'
import type { Manifest } from './manifest.ts'
import { countCall, listCall, loadCall } from './query.ts'
import type { Settings } from './settings.ts'
import { withSettings } from './settings.ts'

export async function load(
  connection: PostgresConnection,
  request: LoadRequest,
  at: Manifest,
  s: string,
  settings: Settings,
): Promise<string> {
  const bound = at.models.get(request.model.name) as BoundModel
  const fitted = {
    ...request,
    id: fitId(bound, request.id, 'invalid_query', '/id'),
    tenant: fitTenant(at.models, request.tenant),
  }
  const call = loadCall(fitted, bound, at.models, s)
  const own = { ...at.pins(bound), ...settings }
  const [row] = await withSettings(connection, own, (session) => session.query(call.text, call.values))
  return `{"row":${row?.row ?? 'null'},"stamp":${row?.stamp ?? '0'}}`
}

export async function list(
  connection: PostgresConnection,
  request: ListRequest,
  at: Manifest,
  s: string,
  settings: Settings,
): Promise<string> {
  const bound = at.models.get(request.model.name) as BoundModel
  const fitted = { ...request, tenant: fitTenant(at.models, request.tenant) }
  const call = listCall(fitted, bound, at.models, s)
  const count = request.count ? countCall(fitted, bound, at.models) : undefined
  const [stamp, found, total] = await withSettings(
    connection,
    { ...at.pins(bound), ...settings },
    async (session) => {
      // the set's stamp is a horizon read before the rows: one read with or after them vouches for rows not seen
      const [first] = await session.query(`select ${s}.set_stamp()::text as stamp`, [])
      const page = await session.query(call.text, call.values)
      const [counted] = count === undefined ? [] : await session.query(count.text, count.values)
      return [first?.stamp ?? '0', page, counted?.total] as const
    },
  )
  const rows = found.slice(0, request.limit)
  const last = rows.at(-1)
  const more = last !== undefined && Number(last.found) > rows.length
  const next = more ? `,"nextCursor":"${request.cursorAfter(last.value, last.id as string)}"` : ''
  return `{"rows":[${rows.map(({ row }) => row).join(',')}],"stamps":[${rows.map((row) => row.stamp).join(',')}],"stamp":${stamp}${total == null ? '' : `,"total":${total}`}${next}}`
}

export async function events(
  connection: PostgresConnection,
  request: EventsRequest,
  at: Manifest,
  s: string,
  settings: Settings,
): Promise<string> {
  const tenant = fitTenant(at.models, request.tenant)
  const start = request.cursor === undefined ? null : readFeedCursor(request.cursor, tenant)
  const dictionary = ofModels(at.dictionary, request.models)
  const call = eventsCall(s, tenant, dictionary, start, request.from === 'now' ? 0 : request.limit)
  const read = (session: PostgresSession): Promise<readonly TextRow[]> =>
    session.query(call.text, call.values)
  const rows = await (Object.keys(settings).length === 0
    ? read(readCommitted(connection as PostgresConnection))
    : withSettings(connection, settings, read))
  const page = pageOf(rows, dictionary)
  if (page.verdict !== null) throw new PosternError(page.verdict)
  const next = sealFeedCursor(page, tenant)
  return `{"events":[${page.events.map(({ text }) => text).join(',')}],"nextCursor":"${next}","caughtUp":${page.caughtUp}}`
}
