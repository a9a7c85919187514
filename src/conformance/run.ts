import type { Adapter } from '../core/adapter.ts'
import type { SigningInput } from '../core/signature/sign.ts'
import type { Exchange } from './answer.ts'
import type { Profile } from './catalogue.ts'
import { catalogue, levelsOf } from './catalogue.ts'
import type { Check, CheckContext, ConformanceModel, Level } from './check.ts'
import { inProcess, overHttp } from './driver.ts'
import { expect } from './expect.ts'
import { CheckFailure } from './failure.ts'
import { lacking, type Probe } from './probe.ts'
import { seededRandom } from './random.ts'
import { type Driver, Source } from './source.ts'

/** Milliseconds that one check may take. */
const CHECK_MS = 120_000
/** Exchanges that a report shows of a failed check: its last ones. */
const SHOWN_EXCHANGES = 4
const SHOWN_LENGTH = 4_000

type Given<T> = T | (() => T | Promise<T>)

/** What is held to the catalogue, and to how much of it. Give one of `adapter`, `url` and `driver`. */
export interface ConformanceOptions {
  /** What is tried, made with `conformanceSchema`: an adapter, or a function that makes one. */
  readonly adapter?: Given<Adapter>
  /** In its place: the address of a running endpoint that serves `conformanceSchema`, and the key to sign with. */
  readonly url?: string | URL
  readonly key?: SigningInput
  /** In their place: anything that answers a request. */
  readonly driver?: Given<Driver>
  /** Your own readers and writers of the store; see `Probe`. Default: none. */
  readonly probe?: Probe
  /** Which levels. Default `full`: all of them. */
  readonly profile?: Profile
  /** Which models of the conformance schema are served. Default: all. `['items']` needs nothing but one table. */
  readonly models?: readonly ConformanceModel[]
  /** Only the checks with these ids. */
  readonly only?: readonly string[]
  /** Checks that are left out, each with the reason that the report is to give. */
  readonly skip?: Readonly<Record<string, string>>
  /** Checks that are known to fail, each with the reason. One that passes fails the run: the entry is out of date. */
  readonly knownFailing?: Readonly<Record<string, string>>
  /** Decides every choice that a check leaves to chance. Default: a new one; the report says which. */
  readonly seed?: string
  /** Leaves out checks that take seconds. Default false. */
  readonly quick?: boolean
}

/** `known`: failed, as `knownFailing` said it would. */
export type Status = 'passed' | 'failed' | 'skipped' | 'known'

/** Why a check failed. */
export interface Failure {
  readonly message: string
  readonly expected?: unknown
  readonly received?: unknown
  /** The last requests of the check and their answers; the failure is usually about the last. */
  readonly exchanges: readonly Exchange[]
}

/** What came of one check. */
export interface CheckResult {
  readonly id: string
  readonly level: Level
  readonly must: string
  readonly status: Status
  readonly durationMs: number
  /** Why it was skipped, or is known to fail. */
  readonly reason?: string
  readonly failure?: Failure
}

/** One walk through the catalogue. */
export interface Run {
  /** What makes it another than its neighbours in the report, for example a default isolation level; may be empty. */
  readonly variant: string
  /** What was asked: `in process`, or an address. */
  readonly target: string
  readonly seed: string
  readonly durationMs: number
  readonly results: readonly CheckResult[]
}

/** What is told of a run while it goes on. */
export interface RunHooks {
  readonly variant?: string
  /** After each check. */
  readonly onResult?: (result: CheckResult, done: number, total: number) => void
  /** While a long check is under way. */
  readonly onProgress?: (check: Check, done: number, total: number) => void
}

/** A check of a run, and why it is left out; null when it is not. */
export interface Planned {
  readonly check: Check
  readonly skipped: string | null
}

/**
 * The checks that options ask for, and which of them must be left out.
 *
 * @throws TypeError for ids and levels that do not exist, a skip without a reason, and options without a subject
 */
export function plan(options: ConformanceOptions): Planned[] {
  const { skip = {}, knownFailing = {}, only, models, probe = {}, quick = false } = options
  const subjects = [options.adapter, options.url, options.driver].filter((one) => one !== undefined)
  if (subjects.length !== 1) throw new TypeError('conformance: give one of `adapter`, `url` and `driver`')
  if (options.url !== undefined && options.key === undefined) {
    throw new TypeError('conformance: `url` needs the `key` to sign with')
  }
  const known = new Set(catalogue.map(({ id }) => id))
  for (const id of [...Object.keys(skip), ...Object.keys(knownFailing), ...(only ?? [])]) {
    if (!known.has(id)) throw new TypeError(`conformance: there is no check ${id}`)
  }
  for (const [id, reason] of [...Object.entries(skip), ...Object.entries(knownFailing)]) {
    if (typeof reason !== 'string' || reason.trim() === '')
      throw new TypeError(`conformance: ${id} needs a reason`)
  }
  const chosen = levelsOf(options.profile ?? 'full')
  return catalogue
    .filter(({ id, level }) => chosen.includes(level) && (only === undefined || only.includes(id)))
    .map((check) => {
      const absent = check.models.find((model) => models !== undefined && !models.includes(model))
      const skipped =
        skip[check.id] ??
        (absent === undefined ? null : `needs the model ${absent}`) ??
        (quick && check.slow ? 'left out of a quick run' : null) ??
        lacking(probe, check.needs)
      return { check, skipped }
    })
}

/** The subject of the options as a driver. */
export async function driverOf(options: ConformanceOptions): Promise<Driver> {
  const { adapter, url, key, driver } = options
  if (driver !== undefined) return typeof driver === 'function' ? driver() : driver
  if (url !== undefined) return overHttp(url, key as SigningInput)
  return inProcess(await (typeof adapter === 'function' ? adapter() : (adapter as Adapter)))
}

export const newSeed = (): string => crypto.randomUUID().slice(0, 8)

/**
 * Runs the checks one after the other and gives their results. Nothing is thrown for a failed check: look at the
 * results, or use `conformance` with a test runner.
 *
 * @throws TypeError as `plan`; and what making the adapter throws
 * @example
 * import { memoryAdapter } from 'postern/memory'
 *
 * const run = await runConformance({ adapter: memoryAdapter(conformanceSchema), profile: 'core' })
 * console.log(run.results.filter(({ status }) => status === 'failed'))
 */
export async function runConformance(options: ConformanceOptions, hooks: RunHooks = {}): Promise<Run> {
  const planned = plan(options)
  const seed = options.seed ?? newSeed()
  const driver = await driverOf(options)
  const startedAt = performance.now()
  const results: CheckResult[] = []
  for (const { check, skipped } of planned) {
    const result =
      skipped === null
        ? await runCheck(check, driver, options, seed, hooks.onProgress)
        : resultOf(check, 'skipped', 0, { reason: skipped })
    results.push(result)
    hooks.onResult?.(result, results.length, planned.length)
  }
  const durationMs = performance.now() - startedAt
  return { variant: hooks.variant ?? '', target: driver.target, seed, durationMs, results }
}

/** Runs one check. */
export async function runCheck(
  check: Check,
  driver: Driver,
  options: Pick<ConformanceOptions, 'probe' | 'knownFailing'>,
  seed: string,
  onProgress?: RunHooks['onProgress'],
): Promise<CheckResult> {
  const exchanges: Exchange[] = []
  const { probe, letGo } = letting(options.probe ?? {})
  const context = contextOf(check, driver, probe, seed, exchanges, onProgress)
  const known = options.knownFailing?.[check.id]
  const startedAt = performance.now()
  try {
    await inTime(check.run(context)).finally(letGo)
  } catch (error) {
    const failure = failureOf(error, exchanges)
    const durationMs = performance.now() - startedAt
    return known === undefined
      ? resultOf(check, 'failed', durationMs, { failure })
      : resultOf(check, 'known', durationMs, { failure, reason: known })
  }
  const durationMs = performance.now() - startedAt
  if (known === undefined) return resultOf(check, 'passed', durationMs, {})
  const message = `passes, though knownFailing says that it fails (${known}): take the entry out`
  return resultOf(check, 'failed', durationMs, { failure: { message, exchanges: [] } })
}

const resultOf = (
  { id, level, must }: Check,
  status: Status,
  durationMs: number,
  rest: Pick<CheckResult, 'reason' | 'failure'>,
): CheckResult => ({ id, level, must, status, durationMs, ...rest })

function contextOf(
  check: Check,
  driver: Driver,
  probe: Probe,
  seed: string,
  exchanges: Exchange[],
  onProgress: RunHooks['onProgress'],
): CheckContext {
  // a store keeps what earlier runs left in it: names must be new, whatever the seed
  const name = `n${crypto.randomUUID().slice(0, 6)}-${check.id.toLowerCase()}`
  let count = 0
  const id = (): string => `${name}-${String(++count).padStart(5, '0')}`
  const key = (): string => `key-${id()}`
  const source = (tenant: string | undefined): Source => new Source(driver, tenant, key, exchanges)
  return {
    a: source(`${name}-a`),
    b: source(`${name}-b`),
    anyone: source(undefined),
    // a check runs only where the probe has what it needs
    probe: probe as Required<Probe>,
    expect,
    random: seededRandom(`${seed}/${check.id}`),
    id,
    key,
    progress: (done, total) => onProgress?.(check, done, total),
  }
}

/** A probe whose locks are let go of at the end of the check, also when it fails: the next one would wait for them. */
function letting(probe: Probe): { probe: Probe; letGo: () => Promise<void> } {
  const held = new Set<() => Promise<void>>()
  const once = (end: () => Promise<void>): (() => Promise<void>) => {
    const release = async (): Promise<void> => {
      if (held.delete(release)) await end()
    }
    held.add(release)
    return release
  }
  const { stranger, points } = probe
  return {
    letGo: async () => {
      await Promise.all([...held].map((release) => release()))
    },
    probe: {
      ...probe,
      ...(stranger && {
        stranger: async () => {
          const given = await stranger()
          const end = once(() => given.rollback())
          const committed = async (): Promise<void> => {
            held.delete(end)
            await given.commit()
          }
          return { ...given, commit: committed, rollback: end }
        },
      }),
      ...(points && {
        points: async () =>
          (await points()).map((point) => ({ ...point, hold: async (id) => once(await point.hold(id)) })),
      }),
    },
  }
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const failure = new CheckFailure('the check must come to an end', { expected: `within ${CHECK_MS} ms` })
    timer = setTimeout(() => reject(failure), CHECK_MS)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function failureOf(error: unknown, exchanges: readonly Exchange[]): Failure {
  const shown = exchanges.slice(-SHOWN_EXCHANGES).map(({ sent, status, received }) => ({
    sent: excerpt(sent),
    status,
    received: excerpt(received),
  }))
  if (error instanceof CheckFailure) {
    const { message, expected, received } = error
    return {
      message,
      ...(expected !== undefined && { expected }),
      ...(received !== undefined && { received }),
      exchanges: shown,
    }
  }
  const message = error instanceof Error ? (error.stack ?? String(error)) : String(error)
  return { message: `the check itself broke: ${message}`, exchanges: shown }
}

const excerpt = (text: string): string =>
  text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}... (${text.length} characters)`
