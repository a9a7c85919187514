import assert from 'node:assert/strict'
import { effectOf, witnessed } from './check.ts'
import { type Answer, accept, emptyState, judge, record, type Stale } from './model.ts'
import type { Attempt, Observer, Stage } from './run.ts'
import type { Change, Sent } from './world.ts'

/**
 * With one client nothing is left open: before each commit the model says how it will end, and afterwards it must
 * have ended so, to the field.
 */
export function determined(stage: Stage): Observer {
  const state = emptyState()
  let seen = 0
  let predicted: ReturnType<typeof judge> | undefined

  /** Takes over what has happened since, as the witness tells it. */
  const observe = async (run: string): Promise<Change[]> => {
    const fresh = (await witnessed(stage, { run })).filter(({ position }) => position > seen)
    seen = fresh.at(-1)?.position ?? seen
    return fresh
  }
  const runOf = ({ tenant }: { tenant: string }): string => tenant.slice(0, tenant.lastIndexOf('-'))

  return {
    async before(commit: { tenant: string; key: string; operations: readonly Sent[] }) {
      for (const change of await observe(runOf(commit))) record(state, change)
      predicted = judge(state, commit)
    },
    async after(attempt: Attempt) {
      const { verdict, effects } = predicted as ReturnType<typeof judge>
      const name = `${attempt.key} ${JSON.stringify(attempt.operations)}`
      assert.deepEqual(told(attempt), comparable(verdict), name)
      const fresh = await observe(runOf(attempt))
      assert.deepEqual(fresh.map(effectOf), effects, `the events of ${name}`)
      if (verdict.code === 'ok' && !verdict.replayed)
        accept(
          state,
          attempt,
          verdict,
          effects,
          fresh.map(({ position }) => position),
        )
    },
    pruned(through) {
      state.prunedThrough = through
      const last = new Map<string, number>()
      for (const { model, id, tenant, position } of state.changes)
        if (position <= through) last.set(`${model}/${id}/${tenant}`, position)
      const kept = state.changes.filter(
        ({ model, id, tenant, position }) => position >= (last.get(`${model}/${id}/${tenant}`) ?? 0),
      )
      state.changes.splice(0, state.changes.length, ...kept)
    },
  }
}

/** A verdict in the shape of what a caller is told. */
function comparable(verdict: ReturnType<typeof judge>['verdict']) {
  if (verdict.code === 'ok') return { ...verdict, notes: verdict.notes.map(plain) } satisfies Answer
  const { code, stale, indexes } = verdict
  return { code, ...(stale && { stale: stale.map(plain) }), ...(indexes && { indexes }) }
}

const plain = ({ index, stamp, reason, changed, current }: Stale): Stale => ({
  index,
  stamp,
  reason,
  changed,
  current,
})

function told({ outcome }: Attempt) {
  if ('body' in outcome) {
    const body = JSON.parse(outcome.body)
    return {
      code: 'ok',
      rows: body.rows,
      notes: (body.notifications ?? []).map(plain),
      replayed: outcome.replayed,
    }
  }
  const { code, details } = outcome
  const operations = details.operations as Stale[] | undefined
  switch (code) {
    case 'stale_context':
      return { code, stale: operations?.map(plain) }
    case 'entity_not_found':
      return { code, indexes: operations?.map(({ index }) => index) }
    case 'unique_violation':
      return { code, indexes: [details.index] }
    default:
      return { code }
  }
}
