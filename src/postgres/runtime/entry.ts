import { createHash } from 'node:crypto'
import { eventId } from '../../core/rules/event.ts'
import { participantOf } from '../../core/rules/participant.ts'
import type { TextRow } from '../connection.ts'
import type { Words } from '../model/bound-model.ts'
import type { Call } from './plan.ts'

/**
 * Telling an entry of the log in the words of one schema version. The log keeps values by column number; names are put
 * in here, and the values' texts are copied as they are: JSON.parse would round what a column may hold.
 */

/** A model's words, and the table that it is of. */
export interface ModelWords extends Words {
  readonly name: string
  readonly rel: number
}

/** A model's words, and its place among the models of its table. */
interface PlacedWords extends ModelWords {
  readonly place: number
}

/** The models of a schema version by table. Several may be on one: each is told of it. */
export type Dictionary = ReadonlyMap<number, readonly PlacedWords[]>

export function dictionaryOf(models: readonly ModelWords[]): Dictionary {
  const byTable = new Map<number, PlacedWords[]>()
  for (const words of models) {
    const others = byTable.get(words.rel) ?? []
    byTable.set(words.rel, [...others, { ...words, place: others.length }])
  }
  return byTable
}

/** Of the dictionary what is told of these models; all of it where none is named. */
export function ofModels(
  dictionary: Dictionary,
  models: readonly { readonly name: string }[] | undefined,
): Dictionary {
  if (models === undefined) return dictionary
  const names = new Set(models.map(({ name }) => name))
  return new Map(
    [...dictionary].flatMap(([rel, words]) => {
      const told = words.filter(({ name }) => names.has(name))
      return told.length === 0 ? [] : [[rel, told] as const]
    }),
  )
}

/** Where a follower stands. */
export interface LogPosition {
  readonly epoch: string
  readonly position: number
  readonly base: number
  /** The fingerprint of the entry there. */
  readonly mark: string
}

/** An event as it travels, with what its carrier needs to know of it. */
export interface ToldEvent {
  readonly text: string
  readonly id: string
  readonly position: number
  readonly model: string
  readonly entityId: string
  /** The fingerprint of its entry, as our functions make it. */
  mark(): string
}

/** A page of the log. */
export interface ToldPage extends LogPosition {
  readonly verdict: 'cursor_expired' | null
  /** Nothing more at this moment. */
  readonly caughtUp: boolean
  readonly events: readonly ToldEvent[]
}

/** The call for a page of the tables that the dictionary knows; a limit of 0: no events, and the cursor of the end. */
export function eventsCall(
  s: string,
  tenant: string | null,
  dictionary: Dictionary,
  start: LogPosition | null,
  limit: number,
): Call {
  // each table once for every model of it that is told: an entry is as many events
  const rels = [...dictionary].flatMap(([rel, { length }]) => Array.from({ length }, () => rel))
  return {
    text: `select f.verdict, f.epoch, f.through::text, f.base::text, f.mark, f.position::text, f.rel::text, f.key, f.type, f.tenant, f.data,
  array_to_string(f.changed, ',') as changed, f.commit_key, f.index::text, f.key_scope, f.transaction_id, f.participant_id,
  f.participant_kind, f.occurred_at, f.caught_up::text
from ${s}.events($1::text, $2::text::int[], $3::text, $4::text::bigint, $5::text::bigint, $6::text, $7::text::int) f`,
    values: [
      tenant,
      `{${rels.join(',')}}`,
      start?.epoch ?? null,
      String(start?.position ?? 0),
      String(start?.base ?? 0),
      start?.mark ?? '',
      String(limit),
    ],
  }
}

/** Reads a page. */
export function pageOf(rows: readonly TextRow[], dictionary: Dictionary): ToldPage {
  const [head] = rows
  const events: ToldEvent[] = []
  for (const row of rows) {
    if (row.position == null) continue
    const models = dictionary.get(Number(row.rel)) ?? []
    events.push(...models.map((words) => told(row, words)))
  }
  return {
    verdict: (head?.verdict ?? null) as ToldPage['verdict'],
    caughtUp: head?.caught_up === 'true',
    epoch: head?.epoch as string,
    position: Number(head?.through),
    base: Number(head?.base),
    mark: head?.mark ?? '',
    events,
  }
}

function told(row: TextRow, words: PlacedWords): ToldEvent {
  const values = members(row.data as string)
  const {
    position,
    key,
    commit_key: commitKey,
    index,
    tenant,
    occurred_at: at,
  } = row as Record<string, string>
  const owner = tenant == null || tenant === '' ? null : tenant
  const plain = eventId({
    idempotencyKey: commitKey ?? null,
    index: index == null ? null : Number(index),
    keyScope: row.key_scope ?? null,
    tenant: owner,
    position: Number(position),
  })
  // one change, told under each model of its table
  const id = words.place === 0 ? plain : `${plain}~${words.name}`
  const data = words.fields.map(([name, attnum]) => {
    const value = values.get(String(attnum)) ?? (attnum === words.key[0] ? keyValue(key as string) : 'null')
    return `"${name}":${value}`
  })
  const numbers = row.changed == null ? null : row.changed.split(',').filter((one) => one !== '')
  const changed =
    numbers
      ?.flatMap((attnum) => words.fields.find(([, number]) => String(number) === attnum)?.[0] ?? [])
      .sort() ?? null
  // of another version's archive field it is an update like others
  const archives = numbers === null || numbers.length === 0 || numbers.includes(String(words.archive))
  const type =
    row.type === 'ARCHIVE' || row.type === 'UNARCHIVE'
      ? words.archive !== null && archives
        ? row.type
        : 'UPDATE'
      : row.type
  const participant = participantOf({
    idempotencyKey: commitKey ?? null,
    keyScope: row.key_scope ?? null,
    participantId: row.participant_id ?? null,
    participantKind: row.participant_kind ?? null,
  })
  const text = (value: string): string => JSON.stringify(value)
  return {
    id,
    position: Number(position),
    model: words.name,
    entityId: key as string,
    mark: () => md5([row.rel, key, row.type, at, md5(row.data as string)].join(' ')).slice(0, 12),
    text: [
      `{"id":${text(id)},"version":1,"model":"${words.name}","entityId":${text(key as string)},"type":"${type}","data":{${data.join(',')}}`,
      owner === null ? '' : `,"organizationId":${text(owner)}`,
      commitKey == null ? '' : `,"clientTxId":${text(commitKey)},"correlationId":${text(commitKey)}`,
      row.transaction_id == null ? '' : `,"transactionId":${text(row.transaction_id)}`,
      ...Object.entries(participant).map(([name, value]) => `,"${name}":${text(value)}`),
      `,"occurredAt":${Date.parse(at as string)},"at":"${at}","stamp":${position}`,
      changed === null ? '' : `,"changed":${JSON.stringify(changed)}`,
      '}',
    ].join(''),
  }
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

/** The key of a row whose values the log does not have. A text may be digits that are no JSON number, for example `007`. */
const keyValue = (key: string): string => (/^(0|-?[1-9]\d{0,14})$/.test(key) ? key : JSON.stringify(key))

/** The members of a JSON object by name, their values as the slices of the text that they are. */
function members(json: string): Map<string, string> {
  const found = new Map<string, string>()
  let at = 1
  while (json[at] !== '}' && at < json.length) {
    const colon = json.indexOf(':', at)
    const name = json.slice(at + 1, colon - 1)
    const end = endOfValue(json, colon + 1)
    found.set(name, json.slice(colon + 1, end))
    at = json[end] === ',' ? end + 1 : end
  }
  return found
}

function endOfValue(json: string, start: number): number {
  let depth = 0
  for (let at = start; at < json.length; at += 1) {
    const char = json[at]
    if (char === '"') {
      at = endOfString(json, at)
      continue
    }
    if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      if (depth === 0) return at
      depth -= 1
    } else if (char === ',' && depth === 0) return at
  }
  return json.length
}

/** The place of the closing quote. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at += 1) {
    if (json[at] === '\\') at += 1
    else if (json[at] === '"') return at
  }
  return json.length
}
