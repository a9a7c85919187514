import { setTimeout as sleep } from 'node:timers/promises'
import { PosternError } from '../../../src/core/errors.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { type FeedEvent, type Speaker, speak } from '../faults/speak.ts'
import { BEYOND } from './model.ts'
import type { Action, Client, Plan, Program } from './program.ts'
import { type ModelName, type Sent, type Tenant, tenants, world } from './world.ts'

/** Where a history happens: a source under test, and SQL beside it. */
export interface Stage {
  readonly source: PostgresAdapter
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

/** A commit that was asked for, and how it ended. */
export interface Attempt {
  readonly tenant: string
  readonly key: string
  readonly operations: readonly Sent[]
  readonly outcome: Outcome
  readonly increment: boolean
}

export type Outcome =
  | { readonly code: 'ok'; readonly body: string; readonly replayed: boolean }
  | { readonly code: string; readonly details: Record<string, unknown> }

/** A row as it was loaded, with the stamp that came with it. */
export interface Reading {
  readonly tenant: string
  readonly model: ModelName
  readonly id: string
  readonly row: Record<string, unknown> | null
  readonly stamp: number
}

/** What one follower saw. `whole`: it may not miss anything, because pruning was told to wait for it. */
export interface Following {
  readonly tenant: string
  readonly whole: boolean
  readonly events: FeedEvent[]
}

/** Everything that happened in one run of a program. */
export interface History {
  /** What tells this run's tenants, ids and keys from those of other runs in the same database. */
  readonly run: string
  readonly tenants: readonly string[]
  readonly attempts: Attempt[]
  readonly readings: Reading[]
  readonly followings: Following[]
  readonly pruned: boolean
}

/** Is told of everything as it happens; for histories whose every outcome is determined. */
export interface Observer {
  before?(commit: { tenant: string; key: string; operations: readonly Sent[] }): Promise<void>
  after?(attempt: Attempt): Promise<void>
  pruned?(through: number): void
}

let runs = 0

/** Runs a program: its clients at once, each one action after the other, and a faithful follower for each tenant. */
export async function run(stage: Stage, program: Program, observer: Observer = {}): Promise<History> {
  runs += 1
  const name = `r${process.pid}x${runs}`
  const history: History = {
    run: name,
    tenants: tenants.map((tenant) => `${name}-${tenant}`),
    attempts: [],
    readings: [],
    followings: [],
    pruned: program.clients.some(({ actions }) => actions.some((action) => action.do === 'prune')),
  }
  const followers = await Promise.all(tenants.map((tenant) => startFollower(stage, history, tenant)))
  const known = new Map<string, Promise<readonly Sent[]>>()
  try {
    for (const tenant of tenants) {
      const first = new Player(stage, history, program, { tenant, actions: [] }, known, observer)
      await first.prepare(tenant === tenants[0])
    }
    const players = program.clients.map(
      (client) => new Player(stage, history, program, client, known, observer),
    )
    await Promise.all(players.map((player) => player.play()))
  } finally {
    await stopAll(followers)
  }
  return history
}

/** One that fails leaves no other behind, which would follow for ever. */
async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  const stopped = await Promise.allSettled(stops.map((stop) => stop()))
  for (const { reason } of stopped.filter((one) => one.status === 'rejected')) throw reason
}

const tenantOf = (history: History, tenant: Tenant): string => `${history.run}-${tenant}`

/** Follows a tenant from the beginning of the run, and lets nothing be pruned that it has not seen. */
async function startFollower(stage: Stage, history: History, tenant: Tenant): Promise<() => Promise<void>> {
  const name = `${history.run}-${tenant}`
  const owner = tenantOf(history, tenant)
  const speaker = speak(stage.source, world, owner)
  const events: FeedEvent[] = []
  history.followings.push({ tenant: owner, whole: true, events })
  let cursor = (await toTheEnd(speaker)).cursor
  await stage.source.acknowledge(name, cursor, owner)
  let stopping = false
  const poll = async (): Promise<boolean> => {
    const page = await patiently(() => speaker.events(cursor, 7))
    cursor = page.nextCursor
    events.push(...page.events)
    await stage.source.acknowledge(name, cursor, owner)
    return page.events.length > 0
  }
  const loop = (async () => {
    while (!stopping) if (!(await poll())) await sleep(1)
    while (await poll());
  })()
  loop.catch(() => {}) // it is told where the follower is stopped
  return async () => {
    stopping = true
    await loop
    await stage.source.acknowledge(name, null)
  }
}

async function toTheEnd(speaker: Speaker): Promise<{ cursor: string; events: FeedEvent[] }> {
  const events: FeedEvent[] = []
  for (let cursor: string | undefined; ; ) {
    const page = await patiently(() => speaker.events(cursor, 1000))
    cursor = page.nextCursor
    if (page.events.length === 0) return { cursor, events }
    events.push(...page.events)
  }
}

const passing = ['source_busy', 'source_unavailable', 'commit_outcome_unknown']

/** Asks again while the answer is "later", as a client does; with the same key, where there is one. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof PosternError) || !passing.includes(error.code) || attempt === 100) throw error
      await sleep(Math.random() * 20)
    }
  }
}

/** One client of a program. */
class Player {
  readonly #stage: Stage
  readonly #history: History
  readonly #program: Program
  readonly #client: Client
  readonly #known: Map<string, Promise<readonly Sent[]>>
  readonly #observer: Observer
  readonly #speaker: Speaker
  readonly #tenant: string
  readonly #number: number
  readonly #alone: boolean
  readonly #own: { key: string; operations: readonly Sent[] }[] = []
  readonly #stamps = new Map<string, number[]>()
  readonly #feed: Following
  #cursor: string | undefined
  #commits = 0

  constructor(
    stage: Stage,
    history: History,
    program: Program,
    client: Client,
    known: Map<string, Promise<readonly Sent[]>>,
    observer: Observer,
  ) {
    this.#stage = stage
    this.#history = history
    this.#program = program
    this.#client = client
    this.#known = known
    this.#observer = observer
    this.#tenant = tenantOf(history, client.tenant)
    this.#speaker = speak(stage.source, world, this.#tenant)
    this.#number = program.clients.indexOf(client)
    this.#alone = program.clients.length === 1
    this.#feed = { tenant: this.#tenant, whole: false, events: [] }
    history.followings.push(this.#feed)
  }

  /** Rows to begin with: histories in which nothing is there are soon told. */
  async prepare(shared: boolean): Promise<void> {
    const create = (model: ModelName, id: number, input: Readonly<Record<string, number>>): Sent => ({
      type: 'CREATE',
      model,
      id: this.#id(model, id),
      input,
    })
    const values = { a: 0, b: 0 }
    await this.#commit(`${this.#tenant}:prepare`, [
      create('items', 0, values),
      create('counters', 0, { value: 0 }),
      create('counters', 1, { value: 0 }),
      ...(shared ? [create('shared', 0, values)] : []),
    ])
  }

  async play(): Promise<void> {
    for (const action of this.#client.actions) await this.#act(action)
  }

  async #act(action: Action): Promise<void> {
    switch (action.do) {
      case 'commit':
        return this.#commit(this.#freshKey(), await this.#decide(action.operations))
      case 'twin':
        return this.#commit(this.#knownKey(action.of), await this.#decideOnce(action.of))
      case 'crowd': {
        const decided = await this.#decideOnce(action.of)
        const one = () => this.#commit(this.#knownKey(action.of), decided)
        // the model of a determined history foresees one commit at a time
        await (this.#alone ? one() : Promise.all([one(), one(), one(), one()]))
        return
      }
      case 'conflict':
        return this.#commit(this.#knownKey(action.with), await this.#decide(action.operations))
      case 'replay': {
        const earlier = this.#own.at(-1 - action.back)
        return earlier && this.#commit(earlier.key, earlier.operations)
      }
      case 'increment':
        return this.#increment([action.id])
      case 'transfer':
        return this.#increment([action.first, 1 - action.first])
      case 'read':
        await this.#load(action.model, this.#id(action.model, action.id))
        return
      case 'poll':
        return this.#poll(action.limit)
      case 'raw':
        return this.#raw(action)
      case 'prune': {
        const { prunedThrough } = await patiently(() => this.#stage.source.prune())
        this.#observer.pruned?.(prunedThrough)
      }
    }
  }

  #freshKey(): string {
    this.#commits += 1
    return `${this.#history.run}:${this.#number}:${this.#commits}`
  }

  /** The same text for both tenants: their keys are not each other's business. */
  #knownKey(n: number): string {
    return `${this.#history.run}:known:${n}`
  }

  #id(model: ModelName, id: number): string {
    // of all else two tenants may want the same id
    const own = model === 'counters' || (model === 'items' && id === 0)
    return `${own ? this.#tenant : this.#history.run}-${model}-${id}`
  }

  /** Whoever comes first decides; the others send the very same. */
  #decideOnce(n: number): Promise<readonly Sent[]> {
    const { known } = this.#program
    const name = `${this.#tenant} ${n}`
    const decided = this.#known.get(name) ?? this.#decide(known[n % known.length] as readonly Plan[])
    this.#known.set(name, decided)
    return decided
  }

  async #decide(plans: readonly Plan[]): Promise<readonly Sent[]> {
    const decided: Sent[] = []
    for (const { type, model, id, input, claim, onStale } of plans) {
      const sent = {
        type,
        model,
        id: this.#id(model, id),
        ...(type !== 'DELETE' && { input }),
      }
      const readAt = await this.#claim(claim, model, sent.id)
      decided.push(readAt === undefined ? sent : { ...sent, readAt, onStale })
    }
    return decided
  }

  async #claim(claim: Plan['claim'], model: ModelName, id: string): Promise<number | undefined> {
    switch (claim) {
      case 'none':
        return undefined
      case 'zero':
        return 0
      case 'beyond':
        return BEYOND
      case 'latest':
        return (await this.#load(model, id)).stamp
      case 'earlier':
        return this.#stamps.get(`${model}/${id}`)?.at(-2) ?? 0
    }
  }

  async #load(model: ModelName, id: string): Promise<Reading> {
    const { row, stamp } = await patiently(() => this.#speaker.load(model, id))
    const reading = { tenant: this.#tenant, model, id, row, stamp }
    this.#history.readings.push(reading)
    this.#know(model, id, stamp)
    return reading
  }

  #know(model: ModelName, id: string, stamp: number): void {
    const seen = this.#stamps.get(`${model}/${id}`) ?? []
    if (seen.at(-1) !== stamp) this.#stamps.set(`${model}/${id}`, [...seen, stamp])
  }

  async #commit(key: string, operations: readonly Sent[], increment = false): Promise<void> {
    const commit = { tenant: this.#tenant, key, operations }
    this.#own.push(commit)
    await this.#observer.before?.(commit)
    const outcome = await patiently(() => this.#speaker.commit(key, operations)).then(
      ({ body, replayed }): Outcome => ({ code: 'ok', body, replayed }),
      (error: unknown): Outcome => {
        if (!(error instanceof PosternError) || error.status >= 500) throw error
        return { code: error.code, details: error.details ?? {} }
      },
    )
    if ('body' in outcome) {
      const { stamps } = JSON.parse(outcome.body) as { stamps: (number | null)[] }
      for (const [n, { model, id }] of operations.entries()) this.#know(model, id, stamps[n] ?? 0)
    }
    const attempt: Attempt = { ...commit, outcome, increment }
    this.#history.attempts.push(attempt)
    await this.#observer.after?.(attempt)
  }

  /** Raises counters by one, each decided on what it was when it was read. */
  async #increment(numbers: readonly number[]): Promise<void> {
    const model = 'counters'
    const updates: Sent[] = []
    for (const number of numbers) {
      const id = this.#id(model, number)
      const { row, stamp } = await this.#load(model, id)
      updates.push({ type: 'UPDATE', model, id, input: { value: Number(row?.value) + 1 }, readAt: stamp })
    }
    await this.#commit(this.#freshKey(), updates, true)
  }

  async #poll(limit: number): Promise<void> {
    try {
      const page = await patiently(() => this.#speaker.events(this.#cursor, limit))
      this.#cursor = page.nextCursor
      this.#feed.events.push(...page.events)
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== 'cursor_expired') throw error
      this.#cursor = undefined
      this.#feed.events.length = 0
    }
  }

  async #raw({ sql, id, value }: Extract<Action, { do: 'raw' }>): Promise<void> {
    const row = [this.#id('items', id), this.#tenant]
    if (sql === 'delete')
      await this.#stage.sql('delete from items where id = $1 and organization_id = $2', row)
    if (sql === 'update')
      await this.#stage.sql('update items set a = $3 where id = $1 and organization_id = $2', [...row, value])
    if (sql === 'insert')
      await this.#stage.sql('insert into items values ($1, $2, $3, $3) on conflict do nothing', [
        ...row,
        value,
      ])
  }
}
