/** Runs work one after the other, in the order asked for. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>

/**
 * For a client that is one connection: another request's statement must not come between those of a transaction. It
 * would be acknowledged, and then be undone by that transaction's rollback.
 */
export function oneByOne(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }
}
