import { setTimeout as sleep } from 'node:timers/promises'
import type { Application } from '../faults/application.ts'
import { type Fault, type FaultProxy, places } from '../faults/proxy.ts'
import type { KillableServer } from '../faults/server.ts'
import type { Random } from './random.ts'

export interface Disturbances {
  /** Connections cut at a chosen point, or all of them at once. */
  readonly cuts: number
  readonly killsOfPostgres: number
  readonly killsOfApplication: number
  /** The server stopped for longer than a deadline, its connections left open. */
  readonly freezes: number
}

export interface DisturbOptions {
  readonly proxy: FaultProxy
  readonly server: KillableServer
  readonly application: Application
  /** How many of each. */
  readonly cuts: number
  readonly kills: number
  readonly freezes: number
  readonly random: Random
  /** From 0 to 1: how much of the work is done. */
  progress(): number
}

/** Statements that make a commit last: the call of a compiled function, or COMMIT. */
const applies = /entries_create|counters_update|commit_|^commit$/i

/** The part of the work during which processes are killed; the rest shows how memory grows in one that lives. */
const KILLING = 0.8

/** The deadline of the application under test, short enough that a freeze outlasts it. */
export const DEADLINE_MS = 2_000

interface Blow {
  /** From 0 to 1: when. */
  readonly at: number
  strike(): Promise<void>
}

/** So many at equal distances, each a quarter of one and `offset` of one behind its beginning. */
const spread = (times: number, offset: number, strike: () => Promise<void>): Blow[] =>
  Array.from({ length: times }, (_, n) => ({ at: (n + 0.25 + offset) / times, strike }))

/** Breaks things, spread over the work, until the work is done. */
export class Disturbance implements Disturbances {
  cuts = 0
  killsOfPostgres = 0
  killsOfApplication = 0
  freezes = 0
  readonly #options: DisturbOptions
  #stopping = false

  constructor(options: DisturbOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopping = true
  }

  async run(): Promise<void> {
    const { cuts, kills, freezes, progress } = this.#options
    const cutting = (async () => {
      while (this.cuts < cuts) {
        if (!(await this.#reach(() => progress() >= this.cuts / cuts))) return
        await this.#cut()
      }
    })()
    const blows = [
      ...spread(kills, 0, () => this.#killPostgres()),
      ...spread(kills, 0.5, () => this.#killApplication()),
      ...spread(freezes, 0.25, () => this.#freeze()),
    ].sort((a, b) => a.at - b.at)
    for (const { at, strike } of blows) {
      if (!(await this.#reach(() => progress() >= KILLING * at))) break
      await strike()
    }
    await cutting
  }

  async #reach(reached: () => boolean): Promise<boolean> {
    while (!reached()) {
      if (this.#stopping) return false
      await sleep(2)
    }
    return true
  }

  async #cut(): Promise<void> {
    const { proxy, random } = this.#options
    const kind = random.next()
    if (kind < 0.1) {
      this.cuts += 1
      if (kind < 0.05) return proxy.cut()
      await proxy.refuse()
      proxy.cut()
      await sleep(random.between(20, 300))
      return proxy.accept()
    }
    const place = random.pick(places)
    if (kind < 0.2) {
      // the commit, and then the lookup of its key as well
      return this.#faults({ place: 'answered', when: applies }, { place, when: /reserve\(/ })
    }
    if (kind < 0.23) {
      await this.#faults({ place, when: applies, how: 'stall' })
      await sleep(random.between(100, 1_000))
      return proxy.cut()
    }
    // mostly what makes a commit last, else whatever comes: reads, polls, BEGIN
    return this.#faults({ place, ...(kind < 0.9 && { when: applies }) })
  }

  /** Waits until statements have met the faults, and counts those that have. */
  async #faults(...faults: Fault[]): Promise<void> {
    const { proxy } = this.#options
    const met = faults.map(async (fault) => {
      await proxy.fault(fault)
      this.cuts += 1
    })
    await Promise.race([Promise.all(met), sleep(2_000)])
    proxy.clear()
  }

  async #killPostgres(): Promise<void> {
    const { server, random } = this.#options
    await server.kill()
    this.killsOfPostgres += 1
    await sleep(random.between(0, 500))
    await server.start()
  }

  /** Longer than the application's deadline; then everything that was under way goes on. */
  async #freeze(): Promise<void> {
    const { server, random } = this.#options
    server.freeze()
    this.freezes += 1
    try {
      await sleep(DEADLINE_MS + random.between(200, 2_000))
    } finally {
      server.thaw()
    }
  }

  async #killApplication(): Promise<void> {
    const { application, random } = this.#options
    await application.kill()
    this.killsOfApplication += 1
    await sleep(random.between(0, 300))
    await application.start()
  }
}
