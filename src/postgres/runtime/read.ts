import type { EventsRequest, ListRequest, LoadRequest } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import { readFeedCursor, sealFeedCursor } from '../../core/protocol/cursor.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../connection.ts'
import { readCommitted } from '../connection.ts'
import type { BoundModel } from '../model/bound-model.ts'
import { eventsCall, ofModels, pageOf } from './entry.ts'
import { fitId, fitTenant } from './fit.ts'
import type { Manifest } from './manifest.ts'
import { countCall, listCall, loadCall, pageCall } from './query.ts'
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
  limitMs: string | null,
): Promise<string> {
  const bound = at.models.get(request.model.name) as BoundModel
  const fitted = { ...request, tenant: fitTenant(at.models, request.tenant) }
  const call = listCall(fitted, bound, at.models, s)
  const count = request.count ? countCall(fitted, bound, at.models) : null
  const own = { ...at.pins(bound), ...settings }
  // one round trip where nothing else asks for a transaction: the limit goes along
  const alone = Object.keys(own).length === 0 && (limitMs === null || at.statementTimeoutMs === 0)
  const page = pageCall(s, alone ? limitMs : null, call, count)
  const read = (session: PostgresSession) => session.query(page.text, page.values)
  const [head, ...found] = alone
    ? await read(readCommitted(connection))
    : await withSettings(connection, limitMs === null ? own : { statement_timeout: limitMs, ...own }, read)
  const rows = found.slice(0, request.limit)
  const last = rows.at(-1)
  const more = last !== undefined && Number(last.found) > rows.length
  const next = more ? `,"nextCursor":"${request.cursorAfter(last.value, last.id as string)}"` : ''
  return `{"rows":[${rows.map(({ row }) => row).join(',')}],"stamps":[${rows.map((row) => row.stamp).join(',')}],"stamp":${head?.stamp}${head?.value == null ? '' : `,"total":${head.value}`}${next}}`
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
