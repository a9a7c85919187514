import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { FeedEvent } from '../faults/speak.ts'
import { accept, type Effect, emptyState, judge, ownerOf, record, type Stale, type State } from './model.ts'
import type { Attempt, History, Stage } from './run.ts'
import type { Change, ModelName, Sent, Values } from './world.ts'

/**
 * Holds a history against what must be true of every one, however its clients met: accepted = rows = ledger =
 * events, each accepted commit is what the model says when it comes at its place in the log, each refusal had its
 * reason, and the feed told everything once and in order. Throws what it finds.
 */
export async function check(stage: Stage, history: History): Promise<void> {
  const changes = await witnessed(stage, history)
  await checkLedger(stage, history)
  checkAgreement(history)
  const state = replayLog(history, changes)
  await checkTables(stage, history, state)
  checkCounters(history, state)
  for (const attempt of history.attempts) checkRefusal(history, changes, attempt)
  checkReadings(history, changes)
  checkFeeds(history, changes)
}

/** What the witness saw of this run, in log order. */
export async function witnessed(stage: Stage, { run }: { run: string }): Promise<Change[]> {
  const rows = await stage.sql(
    `select position::text, coalesce(tenant, '') as tenant, model, entity_id, type, data, changed, key, index, key_scope from witness
     where entity_id like $1 || '-%' order by witness.position`,
    [run],
  )
  return rows.map(({ position, entity_id, ...rest }) => ({
    ...(rest as Omit<Change, 'position' | 'id'>),
    position: Number(position),
    id: entity_id as string,
  }))
}

interface Body {
  rows: (Values | null)[]
  stamps: (number | null)[]
  notifications?: (Stale & { model: string; id: string; readAt: number })[]
}

const bodyOf = (attempt: Attempt): Body | undefined =>
  'body' in attempt.outcome ? (JSON.parse(attempt.outcome.body) as Body) : undefined
const accepted = (history: History): Attempt[] => history.attempts.filter(({ outcome }) => 'body' in outcome)
const nameOf = ({ tenant, key }: { tenant: string; key: string }): string => `${tenant} ${key}`

async function checkLedger(stage: Stage, history: History): Promise<void> {
  const rows = await stage.sql(
    `select tenant || ' ' || key as name, body from postern.ledger where tenant like $1 || '-%'`,
    [history.run],
  )
  const kept = new Map(rows.map(({ name, body }) => [name, body]))
  const told = new Map(
    accepted(history).map((attempt) => [nameOf(attempt), 'body' in attempt.outcome && attempt.outcome.body]),
  )
  assert.deepEqual([...kept.keys()].sort(), [...told.keys()].sort(), 'accepted commits are the ledger')
  for (const [name, body] of told)
    assert.equal(body, kept.get(name), `the answer of ${name} is the recorded one`)
}

/** All who sent one commit under one key were told the same; another intent was refused. */
function checkAgreement(history: History): void {
  const groups = Map.groupBy(history.attempts, nameOf)
  for (const [name, attempts] of groups) {
    const [winner, ...others] = attempts.filter(({ outcome }) => 'body' in outcome)
    if (winner === undefined) continue
    const first = attempts.filter(({ outcome }) => 'body' in outcome && !outcome.replayed)
    assert.equal(first.length, 1, `${name} was applied once, by one of its senders`)
    for (const other of others)
      assert.deepEqual(other.outcome, {
        ...other.outcome,
        body: 'body' in winner.outcome && winner.outcome.body,
      })
    for (const attempt of attempts) {
      if (same(attempt, winner)) {
        // what is stale stays stale, and what is recorded is replayed: the two exclude each other
        assert.notEqual(attempt.outcome.code, 'stale_context', `${name} was accepted and stale`)
        assert.notEqual(attempt.outcome.code, 'idempotency_conflict', `${name} conflicts with itself`)
      } else assert.ok(!('body' in attempt.outcome), `${name} was accepted with two intents`)
    }
  }
}

const same = (a: Attempt, b: Attempt): boolean =>
  JSON.stringify(a.operations) === JSON.stringify(b.operations)

/** A change without what only the log gives it. */
export const effectOf = ({ position: _, key: __, key_scope: ___, ...effect }: Change): Effect => effect

/** Runs the accepted commits through the model, each at its place in the log. */
function replayLog(history: History, changes: readonly Change[]): State {
  const state = emptyState()
  const commits = new Map(accepted(history).map((attempt) => [nameOf(attempt), attempt]))
  const byCommit = Map.groupBy(changes, (change) => commitOf(change, history))
  const done = new Set<string>()
  for (const change of changes) {
    if (change.key === null) {
      record(state, change)
      continue
    }
    const name = commitOf(change, history) as string
    if (done.has(name)) continue
    done.add(name)
    const attempt = commits.get(name)
    assert.ok(attempt, `the event at ${change.position} belongs to an accepted commit (${name})`)
    const body = bodyOf(attempt) as Body
    const { verdict, effects } = judge(state, { ...attempt, operations: asApplied(attempt, body) })
    assert.equal(
      verdict.code,
      'ok',
      `${name} was accepted; at its place in the log it is ${JSON.stringify(verdict)}`,
    )
    if (verdict.code !== 'ok') continue
    assert.deepEqual(body.rows, verdict.rows, `the rows that ${name} was told`)
    const events = (byCommit.get(name) as Change[]).toSorted((a, b) => Number(a.index) - Number(b.index))
    assert.deepEqual(
      events.map(effectOf),
      effects.map((effect) => ({ ...effect })),
      `the events of ${name}`,
    )
    assert.deepEqual(
      body.stamps.filter((stamp) => stamp !== null),
      events.map(({ position }) => position),
      `the stamps that ${name} was told`,
    )
    assert.deepEqual(
      (body.notifications ?? []).map(({ index }) => index),
      verdict.notes.map(({ index }) => index),
      `what was held back of ${name}`,
    )
    accept(
      state,
      attempt,
      verdict,
      effects,
      events.map(({ position }) => position),
    )
  }
  for (const [name, attempt] of commits) {
    const expected = (bodyOf(attempt) as Body).rows.filter((row) => row !== null).length
    assert.equal(byCommit.get(name)?.length ?? 0, expected, `${name} left one event an applied operation`)
  }
  return state
}

/**
 * A row that is not there cannot be held: one that comes or goes between the judgement of a CREATE and its insert is
 * not noticed (docs/commit-protocol.md says so), only that it is absent when the insert comes.
 */
const asApplied = ({ operations }: Attempt, { rows }: Body): Sent[] =>
  operations.map((operation, index) => {
    const { readAt: _, ...unjudged } = operation
    return operation.type === 'CREATE' && rows[index] !== null ? unjudged : operation
  })

/** Rows of nobody are written under keys of tenants; a hash says whose. */
function commitOf({ key, tenant, key_scope: scope }: Change, history: History): string | undefined {
  if (key === null) return undefined
  const owner = tenant === '' ? history.tenants.find((one) => scope === hashOf(one)) : tenant
  return `${owner} ${key}`
}

const hashOf = (tenant: string): string =>
  `~${createHash('sha256').update(tenant).digest('hex').slice(0, 16)}`

async function checkTables(stage: Stage, { run }: History, state: State): Promise<void> {
  for (const model of ['items', 'shared', 'counters'] as const) {
    const rows = await stage.sql(`select * from ${model} where id like $1 || '-%' order by id`, [run])
    const found = rows.map(({ organization_id: tenant = '', ...values }) => ({ tenant, values }))
    const expected = [...state.rows.entries()]
      .filter(([address]) => address.startsWith(`${model}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row)
    assert.deepEqual(found, expected, `the rows of ${model} are what the log says`)
  }
}

function checkCounters(history: History, state: State): void {
  const increments = accepted(history).filter(({ increment }) => increment)
  const counts = new Map<string, Set<string>>()
  for (const attempt of increments) {
    for (const { id } of attempt.operations) counts.set(id, (counts.get(id) ?? new Set()).add(attempt.key))
  }
  for (const [id, keys] of counts) {
    assert.equal(
      state.rows.get(`counters/${id}`)?.values.value,
      keys.size,
      `${id} counts its accepted increments`,
    )
  }
}

/** The row of a tenant once everything up to a position has happened. */
function rowAt(
  changes: readonly Change[],
  tenant: string,
  model: string,
  id: string,
  position: number,
): Values | null {
  const last = changes
    .filter((change) => change.model === model && change.id === id && change.tenant === tenant)
    .findLast((change) => change.position <= position)
  return last === undefined || last.type === 'DELETE' ? null : last.data
}

function checkRefusal(history: History, changes: readonly Change[], attempt: Attempt): void {
  const { outcome, operations, tenant } = attempt
  const told =
    outcome.code === 'stale_context' && 'details' in outcome
      ? (outcome.details.operations as Stale[])
      : (bodyOf(attempt)?.notifications ?? [])
  for (const { index, stamp, reason, current } of told) {
    const operation = operations[index]
    assert.ok(
      operation?.readAt !== undefined,
      `operation ${index} of ${nameOf(attempt)} claimed to know something`,
    )
    if (reason !== 'unknown_position')
      assert.ok(stamp > operation.readAt, `${nameOf(attempt)} is stale against an older change (${stamp})`)
    // a row that is not there cannot be held, and may come while its absence is told
    if (current === null || operation.type === 'CREATE') continue
    const row = rowAt(changes, ownerOf(operation.model, tenant), operation.model, operation.id, stamp)
    assert.deepEqual(current, row, `what ${nameOf(attempt)} was told of the row is what it was at ${stamp}`)
  }
  if (outcome.code === 'idempotency_conflict') {
    const rival = accepted(history).some(
      (other) => nameOf(other) === nameOf(attempt) && !same(other, attempt),
    )
    assert.ok(rival, `${nameOf(attempt)} conflicts with a commit that was accepted`)
  }
}

function checkReadings({ readings }: History, changes: readonly Change[]): void {
  for (const { tenant, model, id, row, stamp } of readings) {
    const owner = ownerOf(model, tenant)
    assert.deepEqual(
      row,
      rowAt(changes, owner, model, id, stamp),
      `${model} ${id} as it was loaded at ${stamp}`,
    )
  }
}

function checkFeeds(history: History, changes: readonly Change[]): void {
  for (const { tenant, whole, events } of history.followings) {
    const own = changes.filter((change) => change.tenant === tenant || change.tenant === '')
    const seen = events.filter(({ entityId }) => entityId.startsWith(`${history.run}-`))
    const positions = seen.map(({ stamp }) => stamp)
    assert.deepEqual(
      positions,
      [...new Set(positions)].sort((a, b) => a - b),
      'the feed is in order, each event once',
    )
    const expected = whole ? own : own.filter(({ position }) => positions.includes(position))
    assert.deepEqual(
      seen.map(told),
      expected.map((change) => ({
        model: change.model,
        id: change.id,
        type: change.type,
        stamp: change.position,
        data: change.data,
        changed: change.changed,
        key: change.key,
      })),
      whole ? 'the feed told everything' : 'the feed told what happened',
    )
  }
}

const told = (event: FeedEvent) => ({
  model: event.model as ModelName,
  id: event.entityId,
  type: event.type,
  stamp: event.stamp,
  data: event.data,
  changed: event.changed ?? null,
  key: event.correlationId ?? null,
})
