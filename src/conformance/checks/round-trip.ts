import type { CheckContext } from '../check.ts'
import { create, update } from '../source.ts'

/** A value as it is sent, and as it must come back where that is another form of the same value. */
export type Case = readonly [sent: unknown, back?: unknown]

/**
 * Sends each value through a create and an update, and compares what commit, load, list, event and replay give.
 */
export async function roundTrip(context: CheckContext, field: string, cases: readonly Case[]): Promise<void> {
  const { a, id, key, expect } = context
  const rows = cases.map(([sent, back = sent], at) => ({
    id: id(),
    sent,
    back,
    input: { [field]: sent, text: `${at}` },
  }))
  const used = key()
  const operations = rows.map((row) => create('values', row.id, row.input))
  const created = (await a.commit(operations, { key: used })).ok()
  const listed = await a.list('values', { limit: 1000 })
  const events = await a.eventsOf('values')
  for (const [at, row] of rows.entries()) {
    const what = (place: string): string => `${field} ${shown(row.sent)} must come back exactly from ${place}`
    expect.equal(created.rows[at]?.[field], row.back, what('a commit'))
    expect.equal((await a.load('values', row.id)).row?.[field], row.back, what('a load'))
    expect.equal(listed.rows.find((one) => one?.id === row.id)?.[field], row.back, what('a list'))
    expect.equal(events.find(({ entityId }) => entityId === row.id)?.data[field], row.back, what('an event'))
  }
  expect.same(
    (await a.commit(operations, { key: used })).text,
    created.text,
    `${field} must come back exactly from a replay`,
  )

  // and over an existing value, in another order
  const [target] = rows
  for (const { sent, back } of context.random.shuffled(rows)) {
    const answer = await a.commit(update('values', target?.id as string, { [field]: sent }))
    expect.equal(answer.only[field], back, `${field} ${shown(sent)} must come back exactly from an update`)
  }
}

/** Each of the values must be refused, and never be stored as another one. */
export async function refused(
  { a, id, expect }: CheckContext,
  field: string,
  values: readonly unknown[],
): Promise<void> {
  for (const value of values) {
    const answer = await a.commit(create('values', id(), { [field]: value }))
    const codes = ['source_commit_invalid', 'invalid_json'] as const
    expect.error(answer, codes, `${field} ${shown(value)} must be refused: it is no exact value of its kind`)
  }
}

export function shown(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
