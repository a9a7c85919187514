/** Lets one piece of work run at a time, in the order of arrival. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(work)
    // a failure is its caller's; whoever comes next starts all the same
    this.#last = result.catch(() => undefined)
    return result
  }
}
