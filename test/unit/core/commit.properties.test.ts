import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MemoryAdapter } from '../../../src/adapters/memory/index.ts'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { RowValue } from '../../../src/core/adapter.ts'
import { PosternError } from '../../../src/core/errors.ts'
import type { CommitBody, Json } from './commit-support.ts'
import { callerOf, schema } from './commit-support.ts'

/**
 * Random commits of two tenants on few rows, so that they meet: applied, held, merged, refused, created twice, gone.
 * `behind` becomes a readAt when the commit is sent: that many changes behind the row's stamp, or beyond the log.
 * `apt` lets a CREATE be an UPDATE where the row is there, and the other way round: without it most would be refused.
 */
interface Claim {
  readonly behind?: number
  readonly onStale?: string
}

const drafts = <T extends Json>(model: string, types: string[], input: fc.Arbitrary<T>, required: Json) =>
  fc.record({
    model: fc.constant(model),
    required: fc.constant(required),
    type: fc.constantFrom(...types),
    id: fc.constantFrom('a', 'b', 'c'),
    apt: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    claim: fc.oneof(
      { weight: 2, arbitrary: fc.constant<Claim>({}) },
      {
        weight: 1,
        arbitrary: fc.record({
          behind: fc.constantFrom(0, 0, 0, 1, 2, -1000),
          onStale: fc.constantFrom('reject', 'overwrite', 'notify', 'merge', 'merge'),
        }),
      },
    ),
    input,
  })

const task = drafts(
  'tasks',
  ['CREATE', 'UPDATE', 'UPDATE', 'DELETE', 'ARCHIVE', 'UNARCHIVE'],
  fc.record(
    { title: fc.constantFrom('x', 'y'), votes: fc.nat({ max: 2 }), slug: fc.constantFrom('s1', 's2', null) },
    { requiredKeys: [] },
  ),
  { projectId: 'p', title: 'new' },
)
const comment = drafts(
  'comments',
  ['CREATE', 'UPDATE', 'DELETE'],
  fc.record({ taskId: fc.constantFrom('a', 'b', 'c') }, { requiredKeys: [] }),
  { taskId: 'a', text: 'hello' },
)
const setting = drafts(
  'settings',
  ['CREATE', 'UPDATE', 'DELETE'],
  fc.record({ value: fc.constantFrom('v', 'w') }),
  {},
)

const commit = fc.record({
  tenant: fc.constantFrom('org_1', 'org_2'),
  key: fc.nat({ max: 100 }).map(String),
  operations: fc.array(fc.oneof({ weight: 4, arbitrary: task }, comment, setting), {
    minLength: 1,
    maxLength: 3,
  }),
})
type Drafted = typeof commit extends fc.Arbitrary<infer T> ? T : never
/** A number sends the commit of that many turns ago once more. */
const program = fc.array(
  fc.oneof({ weight: 5, arbitrary: commit }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 25 },
)
type Turn = Drafted | number

interface Commit {
  tenant: string
  key: string
  operations: Json[]
}

interface Outcome {
  asked: Commit
  body?: string
  replayed?: boolean
}

async function state(source: MemoryAdapter) {
  const { rows, ledger, log } = source.inspect()
  const models: Record<string, RowValue[]> = {}
  for (const name of schema.models.keys()) models[name] = await rows(name)
  return { models, ledger: await ledger(), log: await log() }
}

async function run(source: MemoryAdapter, asked: Commit): Promise<Outcome> {
  try {
    const answer = await callerOf(source, asked.tenant).commitText(asked.key, asked.operations)
    return { asked, ...answer }
  } catch (error) {
    // anything but a refusal of the protocol is a fault of ours
    if (error instanceof PosternError && error.status < 500) return { asked }
    throw error
  }
}

/** Each tenant has a project that is named like it. */
const own = (required: Json, tenant: string): Json => ('projectId' in required ? { projectId: tenant } : {})

/** A commit as it is sent, by a caller who has looked at the rows. */
async function decide(source: MemoryAdapter, { tenant, key, operations }: Drafted): Promise<Commit> {
  const caller = callerOf(source, tenant)
  const decided = operations.map(async ({ model, required, id, apt, claim, input, type: drafted }) => {
    const { row, stamp } = await caller.load(model, id)
    const fitting = row === null ? 'CREATE' : drafted === 'CREATE' ? 'UPDATE' : drafted
    const type = apt ? fitting : drafted
    const { behind, onStale } = claim
    return {
      type,
      model,
      id,
      ...(type === 'CREATE' && { input: { ...required, ...own(required, tenant), ...input } }),
      ...(type === 'UPDATE' && { input }),
      ...(behind !== undefined && { readAt: Math.max(0, stamp - behind), onStale }),
    }
  })
  return { tenant, key, operations: await Promise.all(decided) }
}

/** Runs one turn of a program; repeated commits are sent as they were. */
async function take(source: MemoryAdapter, turn: Turn, sent: Commit[]): Promise<Outcome | undefined> {
  const asked = typeof turn === 'number' ? sent.at(-turn) : await decide(source, turn)
  if (asked === undefined) return undefined
  sent.push(asked)
  return run(source, asked)
}

const projects = ['org_1', 'org_2'].map((id) => ({ id, name: id, organization_id: id }))
const make = () => memoryAdapter(schema, { unique: { tasks: ['slug'] }, rows: { projects } })

/** accepted = ledger = events, each row is what its events say, and each tenant sees its own. */
async function expectConsistent(source: MemoryAdapter, outcomes: readonly Outcome[]): Promise<void> {
  const { models, ledger, log } = await state(source)
  const accepted = outcomes.filter(({ body, replayed }) => body !== undefined && !replayed)

  expect(ledger.map(({ tenant, key, body }) => [tenant, key, body]).sort()).toEqual(
    accepted.map(({ asked, body }) => [asked.tenant, asked.key, body]).sort(),
  )
  const applied = accepted.flatMap(({ asked, body }) => {
    const { rows, stamps } = JSON.parse(body ?? '') as CommitBody
    expect([rows.length, stamps.length]).toEqual([asked.operations.length, asked.operations.length])
    return rows.flatMap((row, index) =>
      row === null ? [] : [{ position: stamps[index], key: asked.key, index, data: row }],
    )
  })
  const byPosition = applied.sort((a, b) => Number(a.position) - Number(b.position))
  expect(
    log.map(({ position, idempotencyKey: key, index, data }) => ({ position, key, index, data })),
  ).toEqual(byPosition)

  for (const name of schema.models.keys()) {
    // their rows were there before the log
    if (name === 'projects') continue
    const replayed = new Map<string, RowValue>()
    for (const entry of log) {
      if (entry.model !== name) continue
      const row = replayed.get(entry.entityId)
      if (entry.type === 'CREATE') expect(row).toBeUndefined()
      else expect(row).toBeDefined()
      if (entry.type === 'DELETE') replayed.delete(entry.entityId)
      else replayed.set(entry.entityId, entry.data)
    }
    const byId = (rows: Iterable<RowValue>) =>
      [...rows].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))
    expect(byId(models[name] ?? [])).toEqual(byId(replayed.values()))
  }

  for (const tenant of ['org_1', 'org_2']) {
    const caller = callerOf(source, tenant)
    const seen = []
    for (let cursor: string | undefined, more = true; more; ) {
      const page = await caller.events(cursor, 3)
      seen.push(...page.events)
      cursor = page.nextCursor
      more = page.events.length > 0
    }
    const own = log.filter((entry) => entry.tenant === null || entry.tenant === tenant)
    expect(seen.map(({ stamp }) => stamp)).toEqual(own.map(({ position }) => position))
    for (const row of models.tasks ?? []) {
      const found = await caller.load('tasks', row.id as string)
      expect(found.row).toEqual(row.organizationId === tenant ? row : null)
      const history = log.filter(
        (entry) => entry.model === 'tasks' && entry.entityId === row.id && entry.tenant === tenant,
      )
      expect(found.stamp).toBe(history.at(-1)?.position ?? 0)
    }
  }
}

test('accepted commits, the ledger, the events and the rows say one and the same, one after the other', async () => {
  const reached = new Set<string>()
  await fc.assert(
    fc.asyncProperty(program, async (turns) => {
      const source = make()
      const outcomes: Outcome[] = []
      const sent: Commit[] = []
      for (const turn of turns) {
        const before = await state(source)
        const outcome = await take(source, turn, sent)
        if (outcome === undefined) continue
        outcomes.push(outcome)
        const { body, replayed } = outcome
        reached.add(
          body === undefined
            ? 'refused'
            : replayed
              ? 'replayed'
              : body.includes('notifications')
                ? 'held'
                : 'applied',
        )
        if (body === undefined || replayed) expect(await state(source)).toEqual(before)
      }
      await expectConsistent(source, outcomes)
    }),
    { numRuns: 150 },
  )
  // programs that never get anywhere would prove nothing
  expect([...reached].sort()).toEqual(['applied', 'held', 'refused', 'replayed'])
})

test('and all at once', async () => {
  await fc.assert(
    fc.asyncProperty(program, async (turns) => {
      const source = make()
      const sent: Commit[] = []
      const outcomes = await Promise.all(turns.map((turn) => take(source, turn, sent)))
      await expectConsistent(
        source,
        outcomes.filter((outcome) => outcome !== undefined),
      )
    }),
    { numRuns: 100 },
  )
})

test('no commit with a readAt goes through over a change that it did not know', async () => {
  await fc.assert(
    fc.asyncProperty(program, async (turns) => {
      const source = make()
      const sent: Commit[] = []
      for (const turn of turns) {
        const { log } = await state(source)
        const outcome = await take(source, turn, sent)
        if (outcome?.body === undefined || outcome.replayed) continue
        const { asked, body } = outcome
        const { rows } = JSON.parse(body) as CommitBody
        for (const [index, operation] of asked.operations.entries()) {
          if (operation.readAt === undefined || operation.onStale === 'overwrite' || rows[index] === null)
            continue
          const last = log.at(-1)?.position ?? 0
          expect(operation.readAt).toBeLessThanOrEqual(last)
          const missed = log.filter(
            ({ model, entityId, tenant, position }) =>
              model === operation.model &&
              entityId === operation.id &&
              (tenant === null || tenant === asked.tenant) &&
              position > Number(operation.readAt),
          )
          const merges =
            operation.onStale === 'merge' && operation.type !== 'CREATE' && operation.type !== 'DELETE'
          const written = Object.keys((operation.input as Json | undefined) ?? { archivedAt: null })
          const known = merges
            ? missed.every(({ changed }) => changed?.every((name) => !written.includes(name)))
            : missed.length === 0
          expect({ operation, missed, known }).toMatchObject({ known: true })
        }
      }
    }),
    { numRuns: 150 },
  )
})
