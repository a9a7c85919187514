import type { Field, Model } from '../../../src/index.ts'
import { Random } from './random.ts'
import { schema } from './schema.ts'
import { valueFor } from './values.ts'

/** A stamp that only the run knows: the last or the first that it has seen of the operation's row. */
export type ReadAt = number | 'last' | 'first'

export interface OperationStep {
  type: string
  model: string
  id?: string | number
  input?: Record<string, unknown>
  readAt?: ReadAt
  onStale?: string
  transactionId?: string
}

export type Step = { tenant: string | null; participant?: string } & (
  | { do: 'commit'; key: string; intentHash?: string; operations: OperationStep[] }
  | { do: 'load'; model: string; id: string | number }
  /** `follow`: with the cursor that the last list gave. */
  | { do: 'list'; model: string; query: Record<string, unknown>; follow?: boolean }
  | { do: 'events'; limit: number; follow?: boolean }
)

export type Program = readonly Step[]

/** The program of a seed: few ids, few keys and two tenants, so that steps meet each other all the time. */
export function programOf(seed: number): Program {
  const random = new Random(seed)
  const made = { notes: 0 }
  const program: Step[] = []
  const length = random.int(4, 14)
  let list: Extract<Step, { do: 'list' }> | undefined
  while (program.length < length) {
    const tenant = random.weighted([
      [14, 'org_a'],
      [5, 'org_b'],
      [1, null],
    ] as const)
    const participant = random.chance(0.3) ? { participant: 'agent_1' } : {}
    const kind = random.weighted([
      [12, 'commit'],
      [2, 'load'],
      [5, 'list'],
      [2, 'events'],
      [2, 'next page'],
    ] as const)
    if (kind === 'commit') {
      const operations = Array.from({ length: random.weighted(lengths) }, () => operationOf(random, made))
      const intentHash = random.chance(0.05) ? { intentHash: random.pick(['h1', 'h2']) } : {}
      program.push({
        do: 'commit',
        tenant,
        ...participant,
        key: `k${random.int(1, 40)}`,
        ...intentHash,
        operations,
      })
      // the same commit once more, at once or later
      if (random.chance(0.08)) program.push(structuredClone(random.pick(program)))
    } else if (kind === 'load') {
      const model = random.pick(names)
      program.push({ do: 'load', tenant, model, id: idOf(random, model) })
    } else if (kind === 'events') {
      program.push({ do: 'events', tenant, limit: random.int(1, 6), follow: random.chance(0.7) })
    } else if (kind === 'next page' && list !== undefined) {
      program.push({ ...structuredClone(list), follow: true })
    } else {
      list = { do: 'list', tenant, ...listOf(random) }
      program.push(list)
    }
  }
  return program
}

const lengths = [
  [10, 1],
  [3, 2],
  [2, 3],
  [2, 6],
] as const

const names = [...schema.models.keys()]

const pools: Record<string, readonly (string | number)[]> = {
  projects: ['p1', 'p2'],
  tasks: ['t1', 't2', 't3', 'T3'],
  todos: ['t1', 't2', 't3', 'T3'],
  comments: ['c1', 'c2', 'c3'],
  taskTags: ['["t1","a"]', '["t1","b"]', '[ "t2", "a" ]', '["t1","a\\"b"]', '["T3","a"]', '["t1"]', 't1'],
  quotas: ['["org_a","1"]', '["org_a","10"]', '["org_b","1"]', '["org_a","-2"]', '["org_a","01"]', '[]'],
  labels: [1, '2', 10, '-3', '01', 'x'],
  countries: ['is', 'xx'],
  notes: ['6F9619FF-8B86-D011-B42D-00C04FC964FF', '00000000-0000-4000-8000-000000000001', 'no uuid'],
}

const idOf = (random: Random, model: string): string | number => random.pick(pools[model] ?? ['x'])

function operationOf(random: Random, made: { notes: number }): OperationStep {
  const model = random.weighted([
    [14, 'tasks'],
    [7, 'todos'],
    [6, 'projects'],
    [5, 'comments'],
    [5, 'taskTags'],
    [4, 'quotas'],
    [4, 'labels'],
    [3, 'notes'],
    [0.3, 'countries'],
    [0.2, 'unknown'],
  ] as const)
  const type = random.weighted([
    [12, 'CREATE'],
    [12, 'UPDATE'],
    [4, 'DELETE'],
    [model === 'tasks' ? 3 : 0.2, 'ARCHIVE'],
    [model === 'tasks' ? 2 : 0.1, 'UNARCHIVE'],
  ] as const)
  const step: OperationStep = { type, model }
  // only notes have an id of the database's own: in memory every model has
  const idless = type === 'CREATE' ? model === 'notes' && random.chance(0.5) : random.chance(0.01)
  if (!idless) step.id = idOf(random, model)
  if (type === 'CREATE' || type === 'UPDATE') step.input = inputOf(random, model, type, made)
  // the fields of a key may name the row in its place
  if (type === 'CREATE' && (schema.models.get(model)?.key.length ?? 1) > 1 && random.chance(0.4)) {
    delete step.id
    Object.assign(
      step.input as object,
      model === 'taskTags'
        ? { taskId: idOf(random, 'tasks'), tag: random.pick(['a', 'b', 'é']) }
        : { organizationId: random.pick(['org_a', 'org_a', 'org_b']), slot: random.pick([1, 2, 10, -2]) },
    )
  }
  if (random.chance(0.35)) {
    step.readAt = random.weighted<ReadAt>([
      [5, 'last'],
      [4, 'first'],
      [1, 0],
      [0.3, 1_000_000],
    ])
    if (random.chance(0.7))
      step.onStale = random.pick(['reject', 'overwrite', 'force', 'notify', 'flag', 'merge', 'merge'])
  }
  if (random.chance(0.1)) step.transactionId = `x${random.int(1, 3)}`
  return step
}

function inputOf(
  random: Random,
  name: string,
  type: 'CREATE' | 'UPDATE',
  made: { notes: number },
): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  const model = schema.models.get(name)
  if (model === undefined) return input
  for (const field of model.fields.values()) {
    const required = type === 'CREATE' && !field.optional && field.writable
    const wanted = required ? 0.97 : field.writable ? 0.2 : 0.02
    if (!random.chance(wanted)) continue
    input[field.name] = field.name === 'n' ? made.notes++ : referenceOr(random, field)
  }
  if (random.chance(0.01)) input.unknown = 1
  return input
}

function referenceOr(random: Random, field: Field): unknown {
  if (field.name === 'projectId' || field.name === 'taskId') {
    if (random.chance(0.1)) return random.pick([null, 'nowhere'])
    return idOf(random, field.name === 'projectId' ? 'projects' : 'tasks')
  }
  return field.nullable && random.chance(0.12) ? null : valueFor(random, field)
}

/** Set by the database's clock: two runs agree about them in order at most. */
const clocked = ['updatedAt', 'archivedAt']

function listOf(random: Random): { model: string; query: Record<string, unknown> } {
  const model = schema.models.get(random.weighted(listed)) as Model
  const fields = [...model.fields.values()]
  const query: Record<string, unknown> = {}
  if (random.chance(0.6)) {
    query.where = Array.from({ length: random.int(1, 3) }, () => joinedOf(random, fields, 3))
  }
  const ordered = fields.filter(
    ({ name, kind }) => !clocked.includes(name) && (kind !== 'json' || random.chance(0.05)),
  )
  if (model.name === 'notes') query.orderBy = 'n'
  else if (random.chance(0.6)) query.orderBy = random.pick(ordered).name
  if (random.chance(0.5)) query.order = random.pick(['asc', 'desc'])
  if (random.chance(0.7)) query.limit = random.int(1, 3)
  if (random.chance(0.2)) query.select = fields.filter(() => random.chance(0.4)).map(({ name }) => name)
  if (random.chance(0.15)) query.count = true
  const relations = [...model.relations.keys()]
  if (random.chance(0.4) && relations.length > 0) query.related = relations.filter(() => random.chance(0.7))
  return { model: model.name, query }
}

const listed = [
  [10, 'tasks'],
  [4, 'todos'],
  [4, 'projects'],
  [4, 'comments'],
  [4, 'taskTags'],
  [3, 'quotas'],
  [3, 'labels'],
  [1, 'countries'],
  [2, 'notes'],
] as const

const comparisons = ['=', '!=', '<', '<=', '>', '>=']

function joinedOf(random: Random, fields: readonly Field[], depth: number): unknown {
  if (depth === 0 || random.chance(0.7)) return conditionOf(random, random.pick(fields))
  const one = () => joinedOf(random, fields, depth - 1)
  if (random.chance(0.4)) return { not: one() }
  return {
    [random.pick(['or', 'and'])]: Array.from({ length: random.int(random.chance(0.03) ? 0 : 1, 3) }, one),
  }
}

function conditionOf(random: Random, field: Field): unknown[] {
  const { name, kind } = field
  const nullness = () => [name, random.pick(['IS', 'IS NOT']), null]
  if (kind === 'array' && random.chance(0.7)) {
    const [member = null] = [valueFor(random, field)].flat()
    return [name, 'CONTAINS', member]
  }
  if (clocked.includes(name) || kind === 'json' || kind === 'array') return nullness()
  // each database makes its own ids: what they compare or look like is chance
  const made = name === 'id' && kind === 'uuid'
  const value = (): unknown => {
    const ids = ['t1', 'p1', 'c1', 'is']
    const given = name === 'id' && kind === 'text' ? random.pick(ids) : referenceOr(random, field)
    // beyond the range of its column a number is refused by Postgres, and merely larger in memory
    return kind === 'integer' && typeof given === 'number' && given > 2_147_483_647 ? 3 : given
  }
  const some = () => Array.from({ length: random.int(0, 3) }, value)
  switch (random.weighted(conditionKinds)) {
    case 'compare':
      return [name, random.pick(made ? ['=', '!='] : comparisons), value()]
    case 'bare':
      return [name, value()]
    case 'in':
      return [name, random.pick(['IN', 'NOT IN']), some()]
    case 'like': {
      const patterns = ['%', 'a%', '%b', '_', 'A%', '%\\%%', '%_b', 'in%', '', '%e%', '\\', "O'%"]
      if (random.chance(0.3)) return made ? nullness() : [name, 'STARTS WITH', random.pick(patterns)]
      const like = [name, random.pick(['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE']), random.pick(patterns)]
      return made ? nullness() : like
    }
    default:
      return kind === 'boolean'
        ? [name, random.pick(['IS', 'IS NOT']), random.pick([true, false, null])]
        : nullness()
  }
}

const conditionKinds = [
  [5, 'compare'],
  [2, 'bare'],
  [3, 'in'],
  [2, 'like'],
  [2, 'null'],
] as const
