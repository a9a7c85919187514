/** A broken promise: what was expected, and what came instead. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure'
  readonly expected: unknown
  readonly received: unknown

  constructor(message: string, found: { expected?: unknown; received?: unknown } = {}) {
    super(message)
    this.expected = found.expected
    this.received = found.received
  }
}
