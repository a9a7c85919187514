import { readdirSync, readFileSync } from 'node:fs'

/** Something that is measured: one step after the other, by each of so many clients. */
export interface Contestant {
  readonly name: string
  step(client: number): Promise<unknown>
  /** Before a slice, unmeasured: gets ready for about so many steps of each client. */
  prepare?(steps: number): Promise<void>
}

export interface Section {
  /** Begins the names of its ratios. */
  readonly name: string
  readonly title: string
  readonly clients: number
  readonly delayMs: number
  readonly contestants: readonly Contestant[]
  /** The contestants that others are compared with; the first is the one of the chart. */
  readonly bases: readonly string[]
}

export interface Measured {
  readonly name: string
  /** Steps a second, the median of the rounds. */
  readonly perSecond: number
  /** Milliseconds of one step, over all rounds. */
  readonly p50: number
  readonly p99: number
  /** Microseconds of processor time that the server's sessions took for one step; null where /proc does not say. */
  readonly serverMicros: number | null
  /**
   * By base: how long a step of the base takes to one of this, by the medians of the same round; the median of the
   * rounds. Medians, for on a machine that does other things too a mean tells of the other things.
   */
  readonly ratios: Readonly<Record<string, number>>
}

export interface Pace {
  readonly rounds: number
  /** Length of one slice in milliseconds. */
  readonly sliceMs: number
}

interface Slice {
  readonly perSecond: number
  readonly p50: number
  readonly latencies: readonly number[]
  readonly cpu: number | null
}

/**
 * Everybody gets a slice in every round, and each round begins with another: what the machine does beside us, and
 * the state of the tables, is then the same for all. Compared is within a round only.
 */
export async function measure(
  section: Section,
  { rounds, sliceMs }: Pace,
  warm: () => Promise<void>,
  tick: () => void,
): Promise<Measured[]> {
  const { contestants, clients } = section
  const slices = new Map<string, Slice[]>(contestants.map(({ name }) => [name, []]))
  const pace = new Map<string, number>()
  for (const contestant of contestants) {
    const { perSecond } = await slice(contestant, clients, Math.min(sliceMs, 150), 2)
    pace.set(contestant.name, perSecond)
  }
  await warm()
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contestants.length; turn += 1) {
      const contestant = contestants[(round + turn) % contestants.length] as Contestant
      const perSecond = pace.get(contestant.name) ?? 100
      await contestant.prepare?.(Math.ceil((perSecond * sliceMs * 1.4) / 1000 / clients) + 10)
      const done = await slice(contestant, clients, sliceMs, 3)
      pace.set(contestant.name, done.perSecond)
      slices.get(contestant.name)?.push(done)
      tick()
    }
  }
  return contestants.map(({ name }) => summary(name, section.bases, slices))
}

async function slice({ step }: Contestant, clients: number, ms: number, atLeast: number): Promise<Slice> {
  const latencies: number[] = []
  const before = sessionsCpu()
  const started = performance.now()
  const end = started + ms
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let n = 0; ; n += 1) {
        const from = performance.now()
        if (from >= end && n >= atLeast) return
        await step(client)
        latencies.push(performance.now() - from)
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const after = sessionsCpu()
  return {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    latencies,
    cpu: before === null || after === null ? null : (after - before) / 1000 / latencies.length,
  }
}

function summary(
  name: string,
  bases: readonly string[],
  slices: ReadonlyMap<string, readonly Slice[]>,
): Measured {
  const mine = slices.get(name) ?? []
  const latencies = mine.flatMap((one) => one.latencies)
  const cpu = mine.flatMap((one) => one.cpu ?? [])
  const ratios = bases.map((base) => {
    const theirs = slices.get(base) ?? []
    const perRound = mine.map((one, round) => (theirs[round]?.p50 ?? Number.NaN) / one.p50)
    return [base, quantile(perRound, 0.5)] as const
  })
  return {
    name,
    perSecond: quantile(
      mine.map((one) => one.perSecond),
      0.5,
    ),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    serverMicros: cpu.length === 0 ? null : quantile(cpu, 0.5),
    ratios: Object.fromEntries(ratios),
  }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Sessions of the server under measurement, by process id. */
let watched: readonly number[] = []

/** Whose processor time counts: the processes of a local server; elsewhere none, and the column stays empty. */
export function watchSessions(pids: readonly number[]): void {
  watched = pids.filter((pid) => {
    try {
      return readdirSync(`/proc/${pid}`).includes('schedstat')
    } catch {
      return false
    }
  })
}

/** Nanoseconds that the sessions have run so far. */
export function sessionsCpu(): number | null {
  if (watched.length === 0) return null
  let sum = 0
  for (const pid of watched) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      return null
    }
  }
  return sum
}
