import type { ConformanceOptions } from '../../../src/conformance/index.ts'

/** An adapter with one fault, and the check that must find it. */
export interface Mutant {
  /** What is wrong with it. */
  readonly fault: string
  /** What the fault was planted in. */
  readonly in: 'memory' | 'engine' | 'wire'
  readonly killedBy: string
  /** The check must fail with these words: with others it would have found something else. */
  readonly message: string
  open(servers: Servers): Promise<OpenMutant>
}

export interface OpenMutant {
  readonly options: ConformanceOptions
  /** Throws when the fault turns out not to have been planted. */
  close(): Promise<void>
}

/** Where a mutant of the engine gets its database. */
export interface Servers {
  database(isolation?: 'read committed' | 'repeatable read'): Promise<string>
}
