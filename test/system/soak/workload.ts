import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, ClientError, type CommitOperation, createClient } from '../../../src/client/index.ts'
import type { Random } from './random.ts'

export const tenants = ['north', 'south'] as const
export const countersOf = (tenant: string): string[] => Array.from({ length: 8 }, (_, n) => `${tenant}-${n}`)

/** A commit that was acknowledged, and what it must have left behind. */
export interface Acknowledged {
  readonly tenant: string
  readonly key: string
  /** The answer, as JSON text. */
  readonly body: string
  /** Rows of `entries` with the key as their mark. */
  readonly entries: number
  /** The counter that it raised by one. */
  readonly counter: string | undefined
}

export interface Tally {
  /** Commits begun, each with a key of its own. */
  attempted: number
  /** Refused for good: another client was faster. */
  refused: number
  /** Commits of which an attempt ended without saying whether it was applied. */
  unknown: number
  /** Of those: asked again with the same key, until it was known. */
  resolved: number
  /** Commits sent again long after they were acknowledged. */
  replays: number
  /** Milliseconds from the first byte to the answer that decides, retries and all. */
  longest: number
  /** What single attempts were answered, of everything that was no success. */
  readonly codes: Map<string, number>
}

export interface WorkloadOptions {
  readonly url: string
  readonly signingKey: string
  readonly commits: number
  readonly clients: number
  readonly random: Random
}

/** Clients that write until enough was written, each one commit at a time, and remember what they were told. */
export class Workload {
  readonly acknowledged: Acknowledged[] = []
  /** What no answer may ever say; found while it runs. */
  readonly contradictions: string[] = []
  readonly tally: Tally = {
    attempted: 0,
    refused: 0,
    unknown: 0,
    resolved: 0,
    replays: 0,
    longest: 0,
    codes: new Map(),
  }
  readonly #options: WorkloadOptions
  readonly #sources: ReadonlyMap<string, Client>
  /** Keys of commits of which an attempt ended without saying whether it was applied. */
  readonly #doubtful = new Set<string>()
  /** What the commits asked for that may be sent again. */
  readonly #operations = new Map<string, readonly CommitOperation[]>()

  constructor(options: WorkloadOptions) {
    this.#options = options
    const { url, signingKey: key } = options
    this.#sources = new Map(
      tenants.map((organizationId) => [
        organizationId as string,
        createClient({
          url,
          signingKey: key,
          scope: { organizationId },
          timeoutMs: 5_000,
          fetch: (input, init) => this.#counted(fetch(input, init), String(init.body)),
        }),
      ]),
    )
  }

  /** Makes the counters. */
  async prepare(): Promise<void> {
    for (const tenant of tenants) {
      const operations = countersOf(tenant).map((id) => ({
        type: 'CREATE' as const,
        model: 'counters',
        id,
        input: { value: 0 },
      }))
      await this.#decide(tenant, `${tenant}:counters`, operations, 0)
    }
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.clients }, (_, n) => this.#client(n)))
  }

  async #client(n: number): Promise<void> {
    const random = this.#options.random.fork(n)
    const tenant = tenants[n % tenants.length] as string
    while (this.tally.attempted < this.#options.commits) {
      try {
        if (this.acknowledged.length > 0 && random.chance(0.08)) await this.#replay(random)
        this.tally.attempted += 1
        const key = `k${this.tally.attempted}`
        const kind = random.next()
        if (kind < 0.3) await this.#increment(tenant, key, random.pick(countersOf(tenant)))
        else await this.#write(tenant, key, kind < 0.8 ? 1 : 3)
      } catch (error) {
        // an answer that this request cannot have
        this.contradictions.push(String(error))
      }
    }
  }

  async #write(tenant: string, key: string, entries: number): Promise<void> {
    const create = { type: 'CREATE' as const, model: 'entries', input: { mark: key } }
    await this.#decide(tenant, key, Array(entries).fill(create), entries)
  }

  async #increment(tenant: string, key: string, id: string): Promise<void> {
    const { row, stamp } = await this.#patiently(() => this.#source(tenant).load('counters', id))
    const input = { value: Number((row as { value: number } | null)?.value) + 1 }
    const update = { type: 'UPDATE' as const, model: 'counters', id, input, readAt: stamp }
    await this.#decide(tenant, key, [update], 0, id)
  }

  async #decide(
    tenant: string,
    key: string,
    operations: readonly CommitOperation[],
    entries: number,
    counter?: string,
  ): Promise<void> {
    const began = performance.now()
    const answer = await this.#patiently(() =>
      this.#source(tenant).commit({ idempotencyKey: key, operations }),
    ).catch((error: unknown) => {
      if (error instanceof ClientError && error.code === 'stale_context') return 'stale' as const
      this.contradictions.push(`${key}: ${error}`)
      return 'gave up' as const
    })
    this.tally.longest = Math.max(this.tally.longest, performance.now() - began)
    if (this.#doubtful.delete(key)) {
      this.tally.unknown += 1
      if (answer !== 'gave up') this.tally.resolved += 1
    }
    if (typeof answer === 'string') {
      this.tally.refused += 1
      return
    }
    this.acknowledged.push({ tenant, key, body: bodyOf(answer), entries, counter })
    if (entries > 0) this.#operations.set(key, operations)
  }

  /** Sends an old commit again: the first answer, to the byte. */
  async #replay(random: Random): Promise<void> {
    const { tenant, key, body } = random.pick(this.acknowledged)
    const operations = this.#operations.get(key)
    if (operations === undefined) return
    this.tally.replays += 1
    const answer = await this.#patiently(() =>
      this.#source(tenant).commit({ idempotencyKey: key, operations }),
    )
    if (bodyOf(answer) !== body || !answer.replayed)
      this.contradictions.push(`${key}: acknowledged ${body}, then ${bodyOf(answer)}`)
  }

  /** Counts what every single attempt was answered; the client hides most of it by asking again. */
  async #counted(answer: Promise<Response>, body: string): Promise<Response> {
    const { correlationId: key } = JSON.parse(body) as { correlationId?: string }
    const response = await answer.catch((error: unknown) => {
      this.#count('no answer')
      if (key !== undefined) this.#doubtful.add(key)
      throw error
    })
    if (response.status === 200) return response
    const { error } = (await response.clone().json()) as { error: string }
    this.#count(error)
    if (error === 'commit_outcome_unknown' && key !== undefined) this.#doubtful.add(key)
    return response
  }

  #count(code: string): void {
    this.tally.codes.set(code, (this.tally.codes.get(code) ?? 0) + 1)
  }

  #source(tenant: string): Client {
    return this.#sources.get(tenant) as Client
  }

  /** The client retries by itself, bounded. A caller that must know goes on, with the same key. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        if (!error.retryable || attempt === 60) throw error
        await sleep(100)
      }
    }
  }
}

const bodyOf = ({ rows, stamps }: { rows: unknown; stamps: unknown }): string =>
  JSON.stringify({ rows, stamps })
