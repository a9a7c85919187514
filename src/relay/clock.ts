import { setTimeout as sleep } from 'node:timers/promises'

/** Waits of this process. When a batch is due is decided and written down by the database's clock alone. */
export interface Clock {
  /** Milliseconds since any moment; only differences count. */
  now(): number
  /** Resolves after the time, and at once when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
}

/** Sleep that can be ended from outside, also just before it begins. */
export class Nap {
  readonly #clock: Clock
  #now: AbortController | undefined
  #woken = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns whether it was ended from outside. */
  async rest(ms: number): Promise<boolean> {
    if (!this.#woken) {
      this.#now = new AbortController()
      await this.#clock.sleep(ms, this.#now.signal)
      this.#now = undefined
    }
    const woken = this.#woken
    this.#woken = false
    return woken
  }

  wake(): void {
    this.#woken = true
    this.#now?.abort()
  }
}
