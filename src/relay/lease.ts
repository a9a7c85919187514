import type { RelayNews, RelayStore } from './store.ts'

/** Another process delivers by now, or may: whatever this one had in mind is not done. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

/**
 * Being the one that delivers. The database knows until when, and gives the lease to somebody else afterwards; this
 * side counts on its own clock from before it asked, so that it stops earlier than anybody can start. A process that
 * was frozen finds its time over before it sends anything more, and its fence outdated should it write.
 */
export class HeldLease {
  readonly fence: string
  readonly #store: RelayStore
  readonly #ms: number
  readonly #controller = new AbortController()
  readonly #heartbeat: ReturnType<typeof setInterval>
  readonly #onNews: (news: RelayNews, askedAt: number) => void
  #until = 0
  /** The same on the clock of the wall: the other one stands still while a machine sleeps. */
  #untilDate = 0
  #renewal: Promise<void> | undefined
  #ended = false
  #deadline: ReturnType<typeof setTimeout> | undefined

  /**
   * @param askedAt `performance.now()` from before the lease was asked for
   * @param onNews what an operator may have asked for meanwhile
   */
  constructor(
    store: RelayStore,
    fence: string,
    ms: number,
    askedAt: number,
    onNews: (news: RelayNews, askedAt: number) => void,
  ) {
    this.fence = fence
    this.#store = store
    this.#ms = ms
    this.#onNews = onNews
    this.#extend(askedAt)
    this.#heartbeat = setInterval(() => {
      // a database that does not answer must not be asked on ever more connections
      this.#renewal ??= this.#renew().finally(() => {
        this.#renewal = undefined
      })
    }, ms / 3)
  }

  /** Aborted when the lease is lost. */
  get lost(): AbortSignal {
    return this.#controller.signal
  }

  /** @throws LeaseLost; a timer alone would come too late in a process that was frozen. */
  assert(): void {
    if (performance.now() >= this.#until || Date.now() >= this.#untilDate) this.#lose()
    if (this.lost.aborted) throw this.lost.reason
  }

  /** What a write under the fence answered: false is the news that somebody else has the lease. */
  wrote(outcome: boolean): void {
    if (!outcome) this.#lose()
    this.assert()
  }

  /** Gives the lease back, if it is still held. */
  async end(): Promise<void> {
    this.#ended = true
    clearInterval(this.#heartbeat)
    // under way still: it would renew after the release what was given back
    if (!this.lost.aborted) await this.#renewal
    clearTimeout(this.#deadline)
    // when the database cannot be asked, the lease runs out by itself
    if (!this.lost.aborted) await this.#store.release(this.fence).catch(() => {})
  }

  #extend(askedAt: number): void {
    // a tenth less, for what it takes to stop
    this.#until = Math.max(this.#until, askedAt + this.#ms * 0.9)
    const left = this.#until - performance.now()
    this.#untilDate = Date.now() + left
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#lose(), left)
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now()
    try {
      const renewed = await this.#store.renew(this.fence, this.#ms)
      if (renewed === null) this.#lose()
      else if (!this.lost.aborted && !this.#ended) {
        this.#extend(askedAt)
        this.#onNews(renewed, askedAt)
      }
    } catch {
      // the next heartbeat may get through; if none does, the deadline comes
    }
  }

  #lose(): void {
    clearInterval(this.#heartbeat)
    clearTimeout(this.#deadline)
    this.#controller.abort(new LeaseLost('Another process delivers by now.'))
  }
}
