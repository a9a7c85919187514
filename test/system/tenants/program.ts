import { Random } from '../differential/random.ts'
import { idsOf, missingId, references, type Side, tenantOf, type World, worlds } from './world.ts'

/** A stamp that only the run knows. */
export type ReadAt = 'last' | 'first' | number

export interface OperationStep {
  type: string
  model: string
  id: string
  input?: Record<string, unknown>
  readAt?: ReadAt
  onStale?: string
}

export type Step = { side: Side; tenant?: string } & (
  | { do: 'commit'; key: string; operations: OperationStep[] }
  | { do: 'load'; model: string; id: string }
  | { do: 'list'; model: string; query: Record<string, unknown>; follow?: boolean }
  | { do: 'events'; limit: number; follow: boolean }
)

export interface Program {
  readonly seed: number
  readonly world: World
  readonly steps: readonly Step[]
  /** Each step of the one tenant at the same moment as a step of the other. */
  readonly together: boolean
}

/** The program of a seed: two tenants, each of which knows the other's ids. */
export function programOf(seed: number): Program {
  const random = new Random(seed)
  const world = worlds[seed % worlds.length] as World
  const steps: Step[] = [...beginning('a', world), ...beginning('b', world)].filter(() => random.chance(0.8))
  const length = random.int(8, 24)
  for (let n = 0; n < length; n += 1) steps.push(stepOf(random, random.pick(['a', 'b']), world))
  return { seed, world, steps, together: random.chance(0.25) }
}

/** Rows to refer to; some are left out. */
const beginning = (side: Side, _: World): Step[] =>
  ['sites', 'folders', 'pages', 'counters', 'files', 'jobs'].map((model) => ({
    side,
    do: 'commit',
    key: `begin ${model}`,
    operations: idsOf(model, side).map((id) => ({
      type: 'CREATE',
      model,
      id,
      input: Object.fromEntries(
        model === 'jobs'
          ? []
          : Object.entries(references[model] ?? {}).map(([name, to]) => [name, idsOf(to, side)[0]]),
      ),
    })),
  }))

const models = ['sites', 'folders', 'pages', 'countries', 'jobs', 'counters', 'files', 'members'] as const

const weights = [
  [3, 'sites'],
  [3, 'folders'],
  [2, 'pages'],
  [8, 'jobs'],
  [1, 'counters'],
  [1, 'files'],
  [2, 'members'],
] as const

function stepOf(random: Random, side: Side, world: World): Step {
  const tenant = random.chance(0.1) ? { tenant: otherwise(random, world, side) } : {}
  const kind = random.weighted([
    [10, 'commit'],
    [3, 'load'],
    [3, 'list'],
    [2, 'next page'],
    [3, 'events'],
  ] as const)
  if (kind === 'commit') {
    const operations = Array.from({ length: random.weighted(lengths) }, () => operationOf(random, side))
    return { side, ...tenant, do: 'commit', key: `k${random.int(1, 20)}`, operations }
  }
  if (kind === 'load') {
    const model = random.pick(models)
    return { side, ...tenant, do: 'load', model, id: idOf(random, model, side) }
  }
  if (kind === 'events')
    return { side, ...tenant, do: 'events', limit: random.int(1, 8), follow: random.chance(0.6) }
  const model = random.pick(models)
  const query: Record<string, unknown> = { limit: random.int(1, 3) }
  if (random.chance(0.4)) query.related = [...(relations[model] ?? [])].filter(() => random.chance(0.7))
  if (random.chance(0.5) && model !== 'members') {
    query.where = [['id', random.pick(['=', '!=', '<', '>', 'IN']), idOf(random, model, side)]].map(
      ([name, operator, id]) => [name, operator, operator === 'IN' ? [id, idOf(random, model, side)] : id],
    )
  }
  if (model === 'jobs' && random.chance(0.4)) query.orderBy = random.pick(['code', 'projectId', 'title'])
  return { side, ...tenant, do: 'list', model, query, follow: kind === 'next page' }
}

export const relations: Readonly<Record<string, readonly string[]>> = {
  sites: ['jobs'],
  folders: ['jobs'],
  countries: ['jobs'],
  files: ['jobs'],
  jobs: ['project', 'folder', 'country', 'parent', 'counter', 'file'],
  members: ['project', 'task'],
}

const lengths = [
  [8, 1],
  [4, 2],
  [3, 4],
] as const

/** The same tenant, or what is none, in another spelling. */
function otherwise(random: Random, world: World, side: Side): string {
  const own = tenantOf(world, side)
  return random.pick([
    own.toUpperCase(),
    `${own} `,
    ` ${own}`,
    `{${own}}`,
    `0${own}`,
    `+${own}`,
    `${own}.0`,
    `${own}e0`,
  ])
}

function operationOf(random: Random, side: Side): OperationStep {
  const model = random.weighted(weights)
  const type = random.weighted([
    [8, 'CREATE'],
    [8, 'UPDATE'],
    [4, 'DELETE'],
    [model === 'jobs' ? 2 : 0, 'ARCHIVE'],
    [model === 'jobs' ? 1 : 0, 'UNARCHIVE'],
  ] as const)
  // an id that is taken cannot be hidden: nobody creates what the other may have
  const id = type === 'CREATE' ? ownId(random, model, side) : idOf(random, model, side)
  const step: OperationStep = { type, model, id }
  if (type === 'CREATE' || type === 'UPDATE') step.input = inputOf(random, model, side, type === 'CREATE')
  if (random.chance(0.3)) {
    step.readAt = random.weighted<ReadAt>([
      [4, 'last'],
      [3, 'first'],
      [1, 0],
      [0.5, 1_000_000_000],
    ])
    step.onStale = random.pick(['reject', 'overwrite', 'notify', 'merge'])
  }
  return step
}

function inputOf(random: Random, model: string, side: Side, whole: boolean): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  for (const [name, to] of Object.entries(references[model] ?? {})) {
    const required = whole && model !== 'jobs'
    if (!required && !random.chance(0.25)) continue
    input[name] = random.chance(0.08) ? null : idOf(random, to, side)
  }
  const text = (
    {
      sites: 'name',
      folders: 'name',
      pages: 'text',
      files: 'name',
      jobs: 'title',
      members: 'role',
    } as Record<string, string>
  )[model]
  if (text !== undefined && random.chance(0.5)) input[text] = `${side}${random.int(1, 3)}`
  if (model === 'jobs' && random.chance(0.2)) input.code = random.pick(['c1', 'c2'])
  if (model === 'counters' && random.chance(0.5)) input.n = random.int(1, 3)
  return input
}

function ownId(random: Random, model: string, side: Side): string {
  if (model !== 'members') return spelled(random, random.pick(idsOf(model, side)))
  // a key that refers: its own part makes it nobody else's
  const own = random.pick(idsOf('jobs', side))
  return JSON.stringify([idOf(random, 'sites', side), own])
}

/** Own, the other's, or missing, in some spelling. */
function idOf(random: Random, model: string, side: Side): string {
  if (model === 'members') return JSON.stringify([idOf(random, 'sites', side), idOf(random, 'jobs', side)])
  const other = side === 'a' ? 'b' : 'a'
  const kind = random.weighted([
    [6, 'own'],
    [4, 'foreign'],
    [1, 'missing'],
  ] as const)
  if (kind === 'missing') return missingId(model)
  return spelled(random, random.pick(idsOf(model, kind === 'own' ? side : other)))
}

function spelled(random: Random, id: string): string {
  if (random.chance(0.85)) return id
  return random.pick([id.toUpperCase(), ` ${id}`, `0${id}`, `+${id}`, `{${id}}`, id.replaceAll('-', '')])
}
