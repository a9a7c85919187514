import { isDeepStrictEqual } from 'node:util'
import { canonicalKey, keyOf } from '../../../src/core/schema/key.ts'
import type { Endpoint } from '../../../src/index.ts'
import { signedRequest, signingKey } from '../../support/source.ts'
import type { OperationStep, Program, ReadAt, Step } from './program.ts'
import { schema } from './schema.ts'

/** An adapter behind an endpoint, with what a run needs beside it. */
export interface Subject {
  readonly name: string
  /** Whether its bytes must be the same as those of the first subject; else the same JSON is enough. */
  readonly exact: boolean
  /** An endpoint on an empty store. */
  open(): Promise<Pick<Endpoint, 'fetch'>>
  /** What the store holds, told by the store and not by the adapter. */
  dump(): Promise<readonly unknown[]>
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface Transcript {
  readonly answers: readonly Answer[]
  readonly dump: readonly unknown[]
}

/** Runs a program, then reads everything that can be read. */
export async function run(program: Program, subject: Subject): Promise<Transcript> {
  const endpoint = await subject.open()
  const stamps = new Map<string, number[]>()
  const cursors = new Map<string, unknown>()
  const normalise = normaliser(program)
  const answers: Answer[] = []
  for (const step of [...program, ...closing]) {
    const request = requestOf(step, stamps, cursors)
    const response = await endpoint.fetch(await signedRequest(request, { key: signingKey }))
    const body = await response.text()
    if (response.status === 200) note(step, JSON.parse(body), stamps, cursors)
    answers.push({ status: response.status, body: normalise(body) })
  }
  return { answers, dump: JSON.parse(normalise(JSON.stringify(await subject.dump()))) }
}

const tenants = ['org_a', 'org_b']

const closing: readonly Step[] = tenants.flatMap((tenant): Step[] => [
  ...[...schema.models.keys()].map(
    (model): Step => ({ do: 'list', tenant, model, query: model === 'notes' ? { orderBy: 'n' } : {} }),
  ),
  { do: 'events', tenant, limit: 1000 },
])

/** The same for every model of a table: a stamp that one of them gave is sent back under another. */
function rowKey(tenant: string | null, name: string, id: unknown): string {
  const model = schema.models.get(name)
  const owner = model?.policy.by === 'none' ? '' : tenant
  return `${owner}/${model?.table.name ?? name}/${oneSpelling(name, id)}`
}

function oneSpelling(name: string, id: unknown): string {
  const model = schema.models.get(name)
  return (model && canonicalKey(model, String(id))) ?? String(id)
}

function requestOf(step: Step, stamps: ReadonlyMap<string, number[]>, cursors: ReadonlyMap<string, unknown>) {
  const { tenant, participant } = step
  const who = participant === undefined ? {} : { participantId: participant, participantKind: 'agent' }
  const scope = tenant === null ? who : { organizationId: tenant, ...who }
  switch (step.do) {
    case 'load':
      return { type: 'load', model: step.model, id: step.id, scope }
    case 'list': {
      const cursor = step.follow ? { cursor: cursors.get('list') } : {}
      return { type: 'list', model: step.model, query: { ...step.query, ...cursor }, scope }
    }
    case 'events':
      return {
        type: 'events',
        limit: step.limit,
        cursor: step.follow ? cursors.get(`events ${tenant}`) : undefined,
        scope,
      }
    case 'commit': {
      const operations = step.operations.map((operation) => resolved(operation, tenant, stamps))
      return { type: 'commit', correlationId: step.key, intentHash: step.intentHash, operations, scope }
    }
  }
}

function resolved(
  step: OperationStep,
  tenant: string | null,
  stamps: ReadonlyMap<string, number[]>,
): unknown {
  if (step.readAt === undefined) return step
  const seen = stamps.get(rowKey(tenant, step.model, step.id)) ?? []
  const known: Record<string, number | undefined> = { first: seen[0], last: seen.at(-1) }
  const readAt: ReadAt = typeof step.readAt === 'number' ? step.readAt : (known[step.readAt] ?? 0)
  return { ...step, readAt }
}

type Row = Readonly<Record<string, unknown>>
type Body = {
  row?: Row | null
  rows?: (Row | null)[]
  stamp?: number
  stamps?: (number | null)[]
  nextCursor?: string
}

function note(step: Step, body: Body, stamps: Map<string, number[]>, cursors: Map<string, unknown>): void {
  if (step.do === 'events') cursors.set(`events ${step.tenant}`, body.nextCursor)
  if (step.do === 'list') cursors.set('list', body.nextCursor)
  const see = (name: string, row: Row | null | undefined, stamp: number | null | undefined) => {
    const model = schema.models.get(name)
    if (row == null || stamp == null || model === undefined) return
    const key = rowKey(step.tenant, name, keyOf(model, row))
    stamps.set(key, [...(stamps.get(key) ?? []), stamp])
  }
  if (step.do === 'load') see(step.model, body.row, body.stamp)
  if (step.do === 'list') {
    for (const [index, row] of body.rows?.entries() ?? []) see(step.model, row, body.stamps?.[index])
  }
  if (step.do === 'commit') {
    for (const [index, row] of body.rows?.entries() ?? []) {
      see(step.operations[index]?.model ?? '', row, body.stamps?.[index])
    }
  }
}

/**
 * Takes out what no two runs share: the clock, ids that the store made, request ids, the log's incarnation. Ids get
 * numbers in the order in which they appear, so that a wrong one still shows.
 */
function normaliser(program: Program): (body: string) => string {
  const sent = JSON.stringify(program).toLowerCase()
  const ids = new Map<string, string>()
  const started = Date.now()
  const plain = (text: string): string =>
    text
      .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)/g, (time) =>
        Math.abs(Date.parse(time) - started) < 3_600_000 ? '<now>' : time,
      )
      .replace(/(?<="occurredAt":)\d{13}\b/g, '"<now>"')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
        if (sent.includes(id)) return id
        if (!ids.has(id)) ids.set(id, `<id ${ids.size + 1}>`)
        return ids.get(id) as string
      })
  const cursor = (sealed: string): string => {
    const [kind, binding, ...rest] = JSON.parse(Buffer.from(sealed, 'base64url').toString()) as unknown[]
    const kept = kind === 'f' ? rest.slice(1, 3) : [binding, ...rest]
    return plain(JSON.stringify([kind, ...kept]).replaceAll('"', "'"))
  }
  return (body) =>
    plain(
      body
        .replace(/"requestId":"[^"]*"/, '"requestId":"<request>"')
        .replace(/"nextCursor":"([^"]*)"/, (_, sealed: string) => `"nextCursor":"${cursor(sealed)}"`),
    )
}

export interface Difference {
  readonly subject: string
  /** The step, or `rows and log` for what the store holds. */
  readonly at: Step | 'rows and log'
  readonly expected: unknown
  readonly found: unknown
}

/** The first place where two transcripts differ. */
export function difference(
  program: Program,
  expected: Transcript,
  found: Transcript,
  subject: Pick<Subject, 'name' | 'exact'>,
): Difference | undefined {
  const same = subject.exact
    ? (one: Answer, other: Answer) => one.status === other.status && one.body === other.body
    : (one: Answer, other: Answer) =>
        one.status === other.status && isDeepStrictEqual(JSON.parse(one.body), JSON.parse(other.body))
  const index = expected.answers.findIndex((answer, place) => !same(answer, found.answers[place] as Answer))
  if (index >= 0) {
    const at = [...program, ...closing][index] as Step
    return { subject: subject.name, at, expected: expected.answers[index], found: found.answers[index] }
  }
  const dumped = subject.exact ? expected.dump : expected.dump.slice(0, found.dump.length)
  if (isDeepStrictEqual(dumped, found.dump)) return undefined
  const place = dumped.findIndex((part, one) => !isDeepStrictEqual(part, found.dump[one]))
  return { subject: subject.name, at: 'rows and log', expected: dumped[place], found: found.dump[place] }
}

/** Runs a program on all subjects at once and holds each against the first. */
export async function compare(
  program: Program,
  subjects: readonly Subject[],
): Promise<Difference | undefined> {
  const [expected, ...others] = await Promise.all(subjects.map((subject) => run(program, subject)))
  for (const [index, found] of others.entries()) {
    const differs = difference(program, expected as Transcript, found, subjects[index + 1] as Subject)
    if (differs !== undefined) return differs
  }
  return undefined
}
