import type { Answer } from './answer.ts'
import { CheckFailure } from './failure.ts'

/** The assertions of a check. `what` is the promise that they hold, told as it would be to the adapter's author. */
export interface Expect {
  /** Equal as JSON values: the order of an object's members does not count. */
  equal(received: unknown, expected: unknown, what: string): void
  /** The same text, byte for byte. */
  same(received: string, expected: string, what: string): void
  /** A refusal with this code; gives it back. */
  error(answer: Answer, code: string | readonly string[], what: string): Answer
  that(holds: boolean, what: string, found?: { expected?: unknown; received?: unknown }): void
}

export const expect: Expect = {
  equal(received, expected, what) {
    if (!equalJson(received, expected)) throw new CheckFailure(what, { expected, received })
  },
  same(received, expected, what) {
    if (received !== expected) throw new CheckFailure(what, { expected, received })
  },
  error(answer, code, what) {
    const codes = typeof code === 'string' ? [code] : code
    if (answer.code !== undefined && codes.includes(answer.code)) return answer
    throw new CheckFailure(what, { expected: codes.join(' or '), received: answer.summary })
  },
  that(holds, what, found) {
    if (!holds) throw new CheckFailure(what, found)
  },
}

/** Whether two JSON values are the same, whatever the order of members. */
function equalJson(one: unknown, other: unknown): boolean {
  if (Object.is(one, other) || (one === 0 && other === 0)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        equalJson((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]),
    )
  )
}
