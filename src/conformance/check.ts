import type { Expect } from './expect.ts'
import type { Need, Probe } from './probe.ts'
import type { Random } from './random.ts'
import type { Source } from './source.ts'

/** What a check is about; a profile is a choice of levels. */
export const levels = [
  'core',
  'envelope',
  'fields',
  'errors',
  'staleness',
  'feed',
  'values',
  'query',
  'tenancy',
  'bounds',
  'concurrency',
] as const

/** One of `levels`. */
export type Level = (typeof levels)[number]

/** Models of the conformance schema, see `conformanceSchema`. */
export type ConformanceModel =
  | 'items'
  | 'parts'
  | 'shared'
  | 'values'
  | 'rules'
  | 'entries'
  | 'counters'
  | 'watched'
  | 'gated'
  | 'links'
  | 'pairs'
  | 'books'
  | 'covers'

/** What a check is run with. Ids, keys and tenants are its own: no check sees the rows of another. */
export interface CheckContext {
  /** The endpoint, asked by one tenant and by another. */
  readonly a: Source
  readonly b: Source
  /** The endpoint, asked without a tenant. */
  readonly anyone: Source
  /** The caller's own readers and writers; what `needs` names is there. */
  readonly probe: Required<Probe>
  readonly expect: Expect
  readonly random: Random
  /** A new id that no other check uses. */
  id(): string
  /** A new idempotency key. */
  key(): string
  /** Says how far a long check has come. */
  progress(done: number, total: number): void
}

/** One promise of the Data Source protocol and the experiment that would show it broken. */
export interface Check {
  /** Stable: `STALE-07` means the same promise in every later version. */
  readonly id: string
  readonly level: Level
  /** The promise, as a sentence with MUST or SHOULD. */
  readonly must: string
  readonly models: readonly ConformanceModel[]
  /** What it cannot do without beside the endpoint. */
  readonly needs: readonly Need[]
  /** Whether it is left out of a quick run. */
  readonly slow: boolean
  run(context: CheckContext): Promise<void>
}

type Definition = Pick<Check, 'id' | 'must' | 'run'> & Partial<Check>

/** Completes the checks of one level: they run on these models, need nothing else and are quick unless they say so. */
export function checks(
  level: Level,
  definitions: readonly Definition[],
  models: readonly ConformanceModel[] = ['items'],
): Check[] {
  return definitions.map((definition) => ({
    models,
    needs: [],
    slow: false,
    ...definition,
    level,
  }))
}
