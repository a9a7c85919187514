import type { Answer, WireRow } from '../answer.ts'
import type { CheckContext } from '../check.ts'
import type { PausePoint, Probe } from '../probe.ts'
import { create, type SentOperation, type Source } from '../source.ts'

/** A row that a check begins with. */
export interface Made {
  readonly id: string
  readonly row: WireRow
  readonly stamp: number
}

/** Creates one row through the endpoint. */
export async function make(
  { id: newId }: Pick<CheckContext, 'id'>,
  source: Source,
  model: string,
  input: Readonly<Record<string, unknown>>,
): Promise<Made> {
  const id = newId()
  const answer = await source.commit(create(model, id, input))
  return { id, row: answer.only, stamp: answer.lastStamp }
}

/** Creates many rows in one commit; their ids come in rising order. */
export async function makeAll(
  { id: newId }: Pick<CheckContext, 'id'>,
  source: Source,
  model: string,
  inputs: readonly Readonly<Record<string, unknown>>[],
): Promise<string[]> {
  const ids = inputs.map(() => newId())
  const operations = inputs.map((input, at): SentOperation => create(model, ids[at], input))
  for (let at = 0; at < operations.length; at += 500) {
    ;(await source.commit(operations.slice(at, at + 500))).ok()
  }
  return ids
}

/** The error of a refusal without what differs between two requests. */
export function withoutRequestId(answer: Answer): Record<string, unknown> {
  const { requestId: _one, ...rest } = answer.body
  return { status: answer.status, ...rest }
}

/** The changed fields but the touch field: its value only changes when the clock has moved. */
export const changedOf = (
  entry: { readonly changed?: readonly string[] | null } | undefined,
): string[] | null => entry?.changed?.filter((name) => name !== 'updatedAt') ?? null

/** The place where a commit is held at its very end. */
export async function lastPoint(probe: Required<Probe>): Promise<PausePoint> {
  const point = (await probe.points()).find(({ last }) => last)
  if (point === undefined) throw new TypeError('probe.points() must give a point that is the last')
  return point
}

/** Starts `count` pieces of work at once and waits for all. */
export const together = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

/** Not a promise about time: only room for a step that was started to get where it will wait. */
export const settle = (milliseconds = 40): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds)
  })
