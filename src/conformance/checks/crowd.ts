import type { Answer } from '../answer.ts'
import type { CheckContext } from '../check.ts'
import { create, type SentOperation, type Source } from '../source.ts'
import { settle, together } from './steps.ts'

/** How many callers come at once. */
export const WAYS = 32
/** How often a commit is sent again that was answered as busy. */
const ATTEMPTS = 25

/** Opens as many connections as there will be callers: a pool that is still growing lets them come one by one. */
export async function warm({ a, id }: CheckContext): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await together(WAYS, () => a.load('items', id()))
    await together(WAYS, () => a.commit(create('items', id(), { title: 'warm' })))
  }
}

export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { summary } of answers) counts[summary] = (counts[summary] ?? 0) + 1
  return counts
}

/**
 * A commit as a proper client sends it: again, under the same key, while the answer asks for that. A store that is
 * asked by too many at once may say that it is busy; it may not forget, double or refuse.
 */
export async function insist(
  { key, random }: CheckContext,
  source: Source,
  operations: readonly SentOperation[],
): Promise<Answer> {
  const used = key()
  for (let attempt = 1; ; attempt++) {
    const answer = await source.commit(operations, { key: used })
    if (answer.status !== 503 || answer.body.retryable !== true || attempt === ATTEMPTS) return answer
    await settle(random.below(20 * attempt))
  }
}
