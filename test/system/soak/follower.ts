import { setTimeout as sleep } from 'node:timers/promises'
import { ClientError, createClient } from '../../../src/client/index.ts'
import { tenants } from './workload.ts'

/** Follows the feed of every tenant, from its beginning, through whatever happens. */
export class FeedFollower {
  /** Why following could not go on. */
  readonly refusals: string[] = []
  readonly #positions = new Map<string, number[]>()
  readonly #url: string
  readonly #signingKey: string
  #finishing = false

  constructor(url: string, signingKey: string) {
    this.#url = url
    this.#signingKey = signingKey
  }

  /** Stamps of the events as they came. */
  positions(tenant: string): readonly number[] {
    return this.#positions.get(tenant) ?? []
  }

  /** Runs until `finish` was called and the end of the feed is reached. */
  async run(): Promise<void> {
    await Promise.all(tenants.map((tenant) => this.#follow(tenant)))
  }

  finish(): void {
    this.#finishing = true
  }

  async #follow(tenant: string): Promise<void> {
    const source = createClient({
      url: this.#url,
      signingKey: this.#signingKey,
      scope: { organizationId: tenant },
    })
    const seen: number[] = []
    this.#positions.set(tenant, seen)
    for (let cursor: string | undefined; ; ) {
      // asked before the walk: what is committed by then is in it
      const last = this.#finishing
      try {
        const onCursor = (reached: string): void => {
          cursor = reached
        }
        const feed = source.events({ cursor, limit: 500, onCursor })
        for await (const { stamp } of feed) seen.push(stamp)
        if (last) return
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        if (!error.retryable) {
          // a log that knows no longer what it has told
          this.refusals.push(`the feed of ${tenant} ended: ${error}`)
          return
        }
      }
      await sleep(50)
    }
  }
}
