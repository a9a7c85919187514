import type { z } from 'zod'
import type { Operator, Scope } from '../core/adapter.ts'
import type { ChangeEvent } from '../core/rules/event.ts'
import type { StaleReport } from '../core/rules/staleness.ts'
import type { Schema } from '../core/schema/define.ts'
import type { ModelName, Row } from '../core/schema/infer.ts'
import type { SigningInput } from '../core/signature/sign.ts'

/** Options of `createClient`. Give `signingKey` or `sign`, not both. */
export interface ClientOptions {
  /** Where the endpoint is mounted, for example `https://app.example.com/api/source`. Redirects are not followed. */
  readonly url: string | URL
  /** What requests are signed with: the endpoint's `signingKey`, a private key, or several during a rotation. */
  readonly signingKey?: SigningInput | undefined
  /** Signs in place of `key`, for places that must not hold one. Gives the Standard Webhooks headers of a body. */
  readonly sign?: ((body: string, options: { id: string }) => Promise<Record<string, string>>) | undefined
  /** Default: the global one. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Milliseconds for one attempt, the answer's body included. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Attempts after the first. Default 4, with 0.1 to 5 seconds in between, doubling, with jitter. */
  readonly retries?: number | undefined
  /** The longest Retry-After that is waited for; a longer one ends the attempts. Milliseconds, default 30,000. */
  readonly maxRetryAfterMs?: number | undefined
  /** Of every request; the one given with a call is laid over it. */
  readonly scope?: Scope | undefined
  /** Headers beside the signature's, for example the one by which `resolveKeys` knows the tenant. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** A field name of the model, or of any, when the client knows no schema. */
type FieldName<S extends Schema, M extends ModelName<S>> = string extends M
  ? string
  : keyof Row<S, M> & string

/** Which rows `Client.list` asks for, and in what order. */
export interface ListQuery<S extends Schema = Schema, M extends ModelName<S> = ModelName<S>> {
  /** Each `[field, value]` or `[field, operator, value]`; all of them must hold. */
  readonly where?: readonly (
    | readonly [FieldName<S, M>, unknown]
    | readonly [FieldName<S, M>, Operator, unknown]
  )[]
  /** Default: the primary key. */
  readonly orderBy?: FieldName<S, M>
  readonly order?: 'asc' | 'desc'
  /** Rows of a page. Default and cap are the endpoint's: 100 and 1,000 unless told otherwise. */
  readonly limit?: number
  /** `nextCursor` of an earlier page of the same query. */
  readonly cursor?: string
  /** Names of relations to embed in each row. */
  readonly related?: readonly string[]
}

/** What `Client.load` gives back. */
export interface Loaded<R> {
  /** Null when there is no such row for this caller. */
  readonly row: R | null
  /** The row's position in the source's log: the `readAt` of a commit that is decided on it. */
  readonly stamp: number
}

/** What `Client.list` gives back. */
export interface Page<R> {
  readonly rows: readonly R[]
  /** The stamp of each row, in the same order. */
  readonly stamps: readonly number[]
  /** A position that is safe as `readAt` for every row of the page, if conservative. */
  readonly stamp: number
  /** Absent on the last page. */
  readonly nextCursor?: string
}

interface CommonOperation {
  /** Comes back on the operation's event. */
  readonly transactionId?: string
  /** The stamp of the state that this was decided on. */
  readonly readAt?: number
  /** What to do when the row changed since. Default `reject`. */
  readonly onStale?: 'reject' | 'overwrite' | 'notify' | 'merge' | 'force' | 'flag'
}

type Input<S extends Schema, M extends ModelName<S>> = string extends M
  ? Readonly<Record<string, unknown>>
  : Readonly<Omit<z.input<z.ZodObject<S['definitions'][M]['shape']>>, 'id'>>

type OperationOf<S extends Schema, M extends ModelName<S>> = CommonOperation &
  (
    | { readonly type: 'CREATE'; readonly model: M; readonly id?: string; readonly input: Input<S, M> }
    | {
        readonly type: 'UPDATE'
        readonly model: M
        readonly id: string
        readonly input: Partial<Input<S, M>>
      }
    | { readonly type: 'DELETE' | 'ARCHIVE' | 'UNARCHIVE'; readonly model: M; readonly id: string }
  )

/** One change of one row. */
export type CommitOperation<S extends Schema = Schema> = {
  [M in ModelName<S>]: OperationOf<S, M>
}[ModelName<S>]

/** What `Client.commit` sends. */
export interface Commit<S extends Schema = Schema> {
  /** The idempotency key: one intent, one key, whatever the number of attempts. 1 to 255 printable ASCII characters. */
  readonly idempotencyKey: string
  /** Applied all or none. */
  readonly operations: readonly CommitOperation<S>[]
  /** A hash of your own intent; under the same key another hash is a conflict. */
  readonly intentHash?: string
  readonly echo?: unknown
}

type AnyRow<S extends Schema> = { [M in ModelName<S>]: Row<S, M> }[ModelName<S>]

/** What `Client.commit` gives back. */
export interface Committed<S extends Schema = Schema> {
  /** One an operation, in the order given: the row after it, for a DELETE as it was, null for one held back. */
  readonly rows: readonly (AnyRow<S> | null)[]
  readonly stamps: readonly (number | null)[]
  /** Operations that were held back as stale, because their `onStale` is `notify`. */
  readonly notifications?: readonly StaleReport[]
  /** The commit had been applied before; this is its first answer again. */
  readonly replayed: boolean
}

/** Where a walk through the feed starts, and whether it ends. */
export interface EventsQuery {
  /** Where an earlier walk ended. Without it: from the oldest event that is kept. */
  readonly cursor?: string | undefined
  /** Events of a page. */
  readonly limit?: number
  /** Goes on after the newest event and waits for more. Default false. */
  readonly follow?: boolean
  /** Milliseconds between two looks when there was nothing new. Default 1,000. */
  readonly pollMs?: number
  /** Ends the walk without an error. */
  readonly signal?: AbortSignal
}

/** One page of a walk through the feed. */
export interface EventsPage {
  /** In log order; never empty. */
  readonly events: readonly ChangeEvent[]
  /** Keep it once the page is dealt with, and start the next walk from it. */
  readonly cursor: string | undefined
}

/** What `createClient` gives. Every method throws `ClientError`. */
export interface Client<S extends Schema = Schema> {
  /** One row by its id. */
  load<M extends ModelName<S>>(model: M, id: string, scope?: Scope): Promise<Loaded<Row<S, M>>>
  /** One page of rows. */
  list<M extends ModelName<S>>(model: M, query?: ListQuery<S, M>, scope?: Scope): Promise<Page<Row<S, M>>>
  /** Every row of a query, page after page, each with its stamp. */
  listAll<M extends ModelName<S>>(
    model: M,
    query?: ListQuery<S, M>,
    scope?: Scope,
  ): AsyncGenerator<{ readonly row: Row<S, M>; readonly stamp: number }, void, undefined>
  /** Applies operations, all or none, and once per key. Retries use the same key. */
  commit(commit: Commit<S>, scope?: Scope): Promise<Committed<S>>
  /** The log of changes, page after page, to its end or, with `follow`, for as long as it is iterated. */
  events(query?: EventsQuery, scope?: Scope): AsyncGenerator<EventsPage, void, undefined>
}
