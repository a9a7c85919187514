import type { PostgresConnection } from '../postgres/connection.ts'
import type { Fingerprint } from './fingerprint.ts'

/** What a base says of itself; kept in the base, so that no copy of it elsewhere can disagree. */
export interface BaseRecord {
  readonly fixture: string
  /** Grows with every seal, unseal and reset. */
  readonly generation: number
  readonly sealed: boolean
  readonly fingerprint: string | null
  readonly parts: Fingerprint['parts']
  /** The end of the log when the base was sealed: a session's own events come after it. */
  readonly position: number
  /** How copies are made. */
  readonly strategy: string
  /** RFC 3339. */
  readonly sealedAt: string | null
}

/** A base as it is found. */
export interface Base extends BaseRecord {
  /** Another one after every change of the base, also when somebody dropped it by hand and its count began anew. */
  readonly incarnation: string
}

/** A database of our own, open. */
export interface OpenDatabase extends AsyncDisposable {
  /** Null where a database has no address: PGlite. */
  readonly url: string | null
  readonly connection: PostgresConnection
  /** Runs SQL as the application would; rows as the driver parses them. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** The PGlite instance, where it is one. */
  readonly pglite: unknown
}

/** A copy of a base, with somebody responsible for it. */
export interface Copy extends OpenDatabase {
  readonly id: string
  /** Its name on the server; null for PGlite. */
  readonly name: string | null
  readonly base: Base
  readonly expiresAt: Date
}

export interface CopyOptions {
  /** Copies at once, over all processes. */
  readonly max: number
  readonly ttlMs: number
  /** Throws when this base will not do; nothing is copied then. */
  accept(base: Base | null): void | Promise<void>
}

/** Makes the content of a new base; the answer is the end of its log. */
export type Fill = (database: OpenDatabase) => Promise<number>

/** Everything of a base that may be done by one process at a time. */
export interface HeldBase {
  read(): Promise<Base | null>
  /** Builds beside the old base and takes its place when all went well; copies of the old one are dropped. */
  replace(record: Omit<BaseRecord, 'generation' | 'position' | 'strategy'>, fill: Fill): Promise<Base>
  /** Opens the base for connections again; copies are dropped. */
  unseal(): Promise<void>
  /** Drops base and copies. */
  destroy(): Promise<void>
}

/** What a sweep removed. */
export interface SweepReport {
  /** Names of what was removed. */
  readonly removed: readonly string[]
}

/** Where the bases and copies of one fixture live. */
export interface FixtureStore extends AsyncDisposable {
  /** What of the server a fingerprint covers. */
  major(): Promise<string>
  read(): Promise<Base | null>
  /** One process at a time; others wait. */
  exclusively<T>(work: (held: HeldBase) => Promise<T>): Promise<T>
  copy(options: CopyOptions): Promise<Copy>
  sweep(): Promise<SweepReport>
}
