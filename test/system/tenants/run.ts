import type { Endpoint } from '../../../src/index.ts'
import { signedRequest, signingKey } from '../../support/source.ts'
import { type OperationStep, type Program, relations, type Step } from './program.ts'
import { idsOf, type Side, tenantOf, type World } from './world.ts'

/** A store with two tenants. */
export interface Subject {
  readonly name: string
  /** An endpoint on an empty store. */
  open(): Promise<Pick<Endpoint, 'fetch'>>
  /** What the store holds of one tenant, told by the store. */
  dump(side: Side): Promise<readonly unknown[]>
  close(): Promise<void>
}

interface Told {
  readonly step: Step | 'effects'
  readonly text: string
}

/** How long requests took, in milliseconds, by whether they name a foreign id. */
export interface Times {
  readonly alone: number[]
  readonly beside: number[]
}

/** All that one tenant was told, and has in the end. */
type Transcript = readonly Told[]

/** Runs the steps of the tenants that are there. */
async function run(
  program: Program,
  subject: Subject,
  sides: readonly Side[],
  times: number[],
): Promise<Record<Side, Transcript>> {
  const endpoint = await subject.open()
  const told: Record<Side, Told[]> = { a: [], b: [] }
  const known = { a: new Known(), b: new Known() }
  const own = (all: readonly Step[]): Step[] => all.filter((step) => sides.includes(step.side))
  // a commit that is under way holds back the end of everybody's feed: a follower is late, and misses nothing
  const steps = own(program.steps).filter((step) => !(program.together && step.do === 'events'))
  const take = async (step: Step): Promise<void> => {
    const { side } = step
    const request = requestOf(step, program.world, known[side])
    const started = performance.now()
    const response = await endpoint.fetch(await signedRequest(request, { key: signingKey }))
    const body = await response.text()
    times.push(performance.now() - started)
    if (response.status === 200) known[side].note(step, JSON.parse(body))
    told[side].push({ step, text: `${response.status} ${body}` })
  }
  const inTurn = (some: readonly Step[]): Promise<void> =>
    some.reduce((before, step) => before.then(() => take(step)), Promise.resolve())
  if (program.together)
    await Promise.all(sides.map((side) => inTurn(steps.filter((step) => step.side === side))))
  else await inTurn(steps)
  await inTurn(own(closing))
  const transcripts: Record<Side, Transcript> = { a: [], b: [] }
  for (const side of sides) {
    const effects = JSON.stringify(await subject.dump(side))
    transcripts[side] = normalised([...told[side], { step: 'effects', text: effects }])
  }
  return transcripts
}

const closing: readonly Step[] = (['a', 'b'] as const).flatMap((side): Step[] => [
  ...['sites', 'folders', 'pages', 'countries', 'jobs', 'counters', 'files', 'members'].map(
    (model): Step => ({ side, do: 'list', model, query: { related: relations[model] ?? [] } }),
  ),
  ...['sites', 'folders', 'pages', 'jobs', 'counters', 'files'].flatMap((model) =>
    idsOf(model, side === 'a' ? 'b' : 'a').map((id): Step => ({ side, do: 'load', model, id })),
  ),
  { side, do: 'events', limit: 1000, follow: false },
])

interface Body {
  row?: { id?: unknown } | null
  rows?: ({ id?: unknown } | null)[]
  stamp?: number
  stamps?: (number | null)[]
  nextCursor?: string
}

/** Stamps and cursors that one tenant has seen. */
class Known {
  readonly stamps = new Map<string, number[]>()
  readonly cursors = new Map<string, string | undefined>()

  note(step: Step, body: Body): void {
    if (step.do === 'events') this.cursors.set('events', body.nextCursor)
    if (step.do === 'list') this.cursors.set(`list ${step.model}`, body.nextCursor)
    if (step.do === 'load') this.#see(step.model, step.id, body.stamp)
    if (step.do === 'commit') {
      for (const [n, { model, id }] of step.operations.entries()) this.#see(model, id, body.stamps?.[n])
    }
  }

  #see(model: string, id: string, stamp: number | null | undefined): void {
    const key = `${model} ${id}`
    if (stamp != null) this.stamps.set(key, [...(this.stamps.get(key) ?? []), stamp])
  }

  readAt({ model, id, readAt }: OperationStep): number | undefined {
    if (typeof readAt !== 'string') return readAt
    const seen = this.stamps.get(`${model} ${id}`) ?? []
    return (readAt === 'first' ? seen[0] : seen.at(-1)) ?? 0
  }
}

function requestOf(step: Step, world: World, known: Known): unknown {
  const scope = { organizationId: step.tenant ?? tenantOf(world, step.side) }
  switch (step.do) {
    case 'load':
      return { type: 'load', model: step.model, id: step.id, scope }
    case 'list': {
      const cursor = step.follow ? { cursor: known.cursors.get(`list ${step.model}`) } : {}
      return { type: 'list', model: step.model, query: { ...step.query, ...cursor }, scope }
    }
    case 'events':
      return {
        type: 'events',
        limit: step.limit,
        cursor: step.follow ? known.cursors.get('events') : undefined,
        scope,
      }
    case 'commit': {
      const operations = step.operations.map((operation) => ({
        ...operation,
        readAt: known.readAt(operation),
      }))
      return { type: 'commit', correlationId: step.key, operations, scope }
    }
  }
}

/**
 * Takes out what no two runs share: request ids, the clock, cursors of the feed. Positions are of one sequence for all
 * tenants: what is compared is their order within the tenant. A list's own stamp is the end of the whole log.
 */
function normalised(transcript: Transcript): Transcript {
  const plain = transcript.map(({ step, text }) => ({
    step,
    text: text
      .replace(/"requestId":"[^"]*"/g, '"requestId":"<request>"')
      .replace(/\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00(?::00)?)/g, '<now>')
      .replace(/"occurredAt":\d+/g, '"occurredAt":"<now>"')
      .replace(/"txid":"\d+"/g, '"txid":"<txid>"')
      .replace(
        step !== 'effects' && step.do === 'events' ? /"nextCursor":"[^"]*"/ : /$^/,
        '"nextCursor":"<cursor>"',
      )
      .replace(step !== 'effects' && step.do === 'list' ? /,"stamp":\d+/ : /$^/, ',"stamp":"<end>"'),
  }))
  const POSITION = /(\\*"(?:stamp|readAt)\\*":|\\*"id\\*":\\*"@)(\d+)|(\\*"stamps\\*":\[)([\d,nul]*)\]/g
  const seen = new Set<number>()
  for (const { text } of plain) {
    for (const [, , one, , several] of text.matchAll(POSITION)) {
      for (const found of (one ?? several ?? '').split(',')) if (/^\d+$/.test(found)) seen.add(Number(found))
    }
  }
  const sent = new Set([0, 1_000_000_000])
  const order = [...seen].filter((position) => !sent.has(position)).sort((a, b) => a - b)
  const rank = (found: string): string =>
    /^\d+$/.test(found) && !sent.has(Number(found)) ? `#${order.indexOf(Number(found)) + 1}` : found
  return plain.map(({ step, text }) => ({
    step,
    text: text.replace(POSITION, (_, before, one, several, list) =>
      one === undefined ? `${several}${list.split(',').map(rank).join(',')}]` : `${before}${rank(one)}`,
    ),
  }))
}

/** One tenant was told, or has, something else when the other's data is there. */
export interface Leak {
  readonly seed: number
  readonly subject: string
  readonly world: World
  readonly to: Side
  readonly step: Step | 'effects'
  readonly alone: string
  readonly beside: string
}

/** Runs a program with both tenants and with each alone, and compares bytes. */
export async function leakOf(program: Program, subject: Subject, times: Times): Promise<Leak | undefined> {
  const beside = await run(program, subject, ['a', 'b'], times.beside)
  for (const to of ['a', 'b'] as const) {
    const alone = await run(program, subject, [to], times.alone)
    const index = alone[to].findIndex(({ text }, n) => text !== beside[to][n]?.text)
    if (index < 0) continue
    const { step, text } = alone[to][index] as Told
    const { seed, world } = program
    return {
      seed,
      subject: subject.name,
      world,
      to,
      step,
      alone: text,
      beside: beside[to][index]?.text ?? '',
    }
  }
  return undefined
}
