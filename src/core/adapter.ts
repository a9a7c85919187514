import type { Field, Model, Schema } from './schema/define.ts'
import type { Kind, KindInfo } from './schema/kind.ts'
import type { OperationType } from './schema/operation.ts'
import type { Relation } from './schema/relation.ts'

/** Who asks, as the request says it (protocol, "Requests"). Nothing in it is trusted before the signature holds. */
export interface Scope {
  readonly participantId?: string
  readonly participantKind?: 'user' | 'agent' | 'system'
  readonly organizationId?: string
  readonly requiredSyncGroups?: readonly string[]
  readonly projectId?: string
  readonly branchId?: string
  readonly mode?: string
}

/** What every call of an adapter carries. */
export interface RequestContext {
  /** The tenant that reads and writes are confined to; null when the request names none. */
  readonly tenant: string | null
  readonly scope: Scope
  /** One per request; it stands in the answer of an error and in the log. */
  readonly requestId: string
  /** The `id` of the key that signed, or the `kid` of a JWS; undefined where the key has no name. */
  readonly keyId?: string | undefined
  /** What `authorize` answered; undefined without `authorize`. */
  readonly auth?: unknown
}

/** One row that is asked for. */
export interface LoadRequest extends RequestContext {
  readonly model: Model
  /** Canonical for the primary key's kind, see `canonicalId`. */
  readonly id: string
}

/**
 * Operators of a comparison, with SQL's meaning. `IN` and `NOT IN` take an array, `IS` and `IS NOT` take null, the `LIKE`s a
 * pattern of SQL. `STARTS WITH` takes a text as it is, and `CONTAINS` a member that an array must have.
 */
export type Operator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'IN'
  | 'NOT IN'
  | 'IS'
  | 'IS NOT'
  | 'LIKE'
  | 'NOT LIKE'
  | 'ILIKE'
  | 'NOT ILIKE'
  | 'STARTS WITH'
  | 'CONTAINS'

/** A field held against a value. Field, operator and value fit each other already. */
export interface Comparison {
  readonly field: Field
  readonly operator: Operator
  /** A scalar of the field's kind; an array of them for IN and NOT IN; null, true or false for IS and IS NOT. */
  readonly value: unknown
}

/**
 * One condition of a list: a comparison, or conditions joined. As in SQL, what is compared with null is neither true nor
 * false: `not` leaves it so, `or` holds when another one does. At least one condition stands in each `or` and `and`.
 */
export type Condition =
  | Comparison
  | { readonly or: readonly Condition[] }
  | { readonly and: readonly Condition[] }
  | { readonly not: Condition }

/** A page of rows that is asked for: every field and relation is one of the model, every value of its field's kind. */
export interface ListRequest extends RequestContext {
  readonly model: Model
  /** All of them must hold. */
  readonly where: readonly Condition[]
  /** The primary key is always the tie-break, in the same direction. Nulls are last ascending, first descending. */
  readonly orderBy: Field
  readonly order: 'asc' | 'desc'
  /** 1 to the endpoint's cap. */
  readonly limit: number
  /** The cursor as the caller sent it; for an adapter whose `listCursors` are its own. */
  readonly cursor?: string | undefined
  /** Position after which the page starts: the order field's value and the primary key, as they travel. */
  readonly after: { readonly value: unknown; readonly id: string } | undefined
  /**
   * The row after which the page starts, where its value is too long for a cursor. The endpoint looks the value up and
   * gives it as `after`: an adapter never sees this.
   */
  readonly afterRow?: { readonly id: string; readonly sha256: string } | undefined
  /** Fields of each row, in the schema's order, the key's always among them; left out: all of the model's. */
  readonly select?: readonly Field[] | undefined
  /** Whether the answer has `total`: how many rows the tenant has that match, on whatever page. */
  readonly count?: boolean | undefined
  /** Relations to embed in each row under their name. */
  readonly related: readonly { readonly name: string; readonly relation: Relation; readonly model: Model }[]
  /** Makes the opaque cursor that stands for the page after this row. */
  readonly cursorAfter: (value: unknown, id: string) => string
}

/**
 * What becomes of an operation whose row changed after its `readAt`. `reject`, the default, refuses the whole commit;
 * `overwrite` applies it unjudged; `notify` holds it back and applies the rest; `merge` applies it when the fields that
 * changed since and the fields that it writes do not meet, and refuses otherwise. On the wire `force` and `flag` are
 * `overwrite` and `notify`.
 */
export type OnStale = 'reject' | 'overwrite' | 'notify' | 'merge'

/** An operation that has passed the allow-list: model known, type permitted, each input value of its field's kind. */
export interface Operation {
  /** Its place in the commit, from 0. */
  readonly index: number
  readonly type: OperationType
  readonly model: Model
  /** Canonical id; null only for a CREATE whose id the database makes. */
  readonly id: string | null
  /** Field name to JSON value; only writable fields; defaults of a create filled in. */
  readonly input: Readonly<Record<string, unknown>>
  readonly readAt: number | null
  readonly onStale: OnStale
  readonly transactionId: string | null
}

/** A commit that has passed signature, schema, scope and `authorize`. */
export interface CommitRequest extends RequestContext {
  /** The idempotency key, unique within the tenant. */
  readonly idempotencyKey: string
  /** Our own canonical hash of the operations. */
  readonly intent: string
  /** The caller's hash, when it sent one. */
  readonly intentHash: string | null
  readonly operations: readonly Operation[]
  /** Bytes that the answer may have: a commit that would be answered with more is `commit_too_large`, and not applied. */
  readonly answerBytes: number
  /** What the caller wants echoed into the write-ahead log, when it asked. */
  readonly echo: unknown
}

/** A page of the feed that is asked for. */
export interface EventsRequest extends RequestContext {
  readonly cursor: string | undefined
  /** 1 to the endpoint's cap. A change that is told under several models is told whole, be the limit smaller. */
  readonly limit: number
  /** `now`: no events, and the cursor of the end. Never beside a cursor. Left out: from the oldest event. */
  readonly from?: 'now' | undefined
  /** Only changes of these models; left out, of all. A cursor moves past the others. */
  readonly models?: readonly Model[] | undefined
  /** A cursor up to which this key has dealt with this tenant's feed: pruning keeps what comes after it. */
  readonly acknowledgedThrough?: string | undefined
}

/** A commit's answer: the JSON text of its body, and whether it is the answer of an earlier, identical commit. */
export interface CommitAnswer {
  readonly body: string
  readonly replayed: boolean
}

/** How a store spells ids, tenants and values, where its own types are stricter than the schema's. */
export interface StoreKinds {
  /** Of tenants; undefined where any text is one. */
  readonly tenant: Kind | undefined
  /** Of a field of a model. */
  field(model: Model, field: Field): KindInfo
}

/** `select`: chosen fields of a row. `count`: the number of all rows that match. */
export type QueryPart = 'select' | 'count'

/**
 * What an endpoint runs on. Answers are JSON texts of the protocol's response shapes, and travel to the caller as
 * they are: a parse and a second serialisation would round numbers and change the bytes of a replay.
 *
 * Promises, each checked by the conformance suite:
 * - `commit` applies all operations or none; once per (tenant, key); and judges `readAt` while it holds the rows.
 * - Every call is confined to `tenant` for models whose policy is not `none`; a foreign row is a missing row.
 * - Each applied operation leaves exactly one event, and `events` never skips one that commits late.
 * - Failures are thrown as `PosternError` (or `Rejection` from a customer's rule), with nothing written.
 *
 * Write one by hand, or give `storeAdapter` (core/rules/store-adapter.ts) the small operations of a store.
 */
export interface Adapter<S extends Schema = Schema, Tx = unknown> {
  /** The allow-list that requests are held against; the endpoint has no other. */
  readonly schema: S
  /**
   * Who makes the cursors of a list. `sealed` (default): `ListRequest.cursorAfter`, and `after` says where the page
   * starts. `own`: the adapter, whose `nextCursor` comes back as `ListRequest.cursor`, unchecked.
   */
  readonly listCursors?: 'sealed' | 'own' | undefined
  /**
   * Parts of a query that this adapter answers and that not every store can. What is left out is refused: a `select`
   * that nobody looks at would give away the fields that were not asked for. Default: none.
   */
  readonly queries?: readonly QueryPart[] | undefined
  /**
   * Asked before `authorize`, so that it only sees one spelling of an id: a text field may be a uuid in the database.
   * Left out: the kinds of the schema. `tx` is the transaction that a commit of this process joins, if it does.
   */
  kinds?(tx?: Tx): Promise<StoreKinds>
  /** `{ row, stamp }` */
  load(request: LoadRequest): Promise<string>
  /** `{ rows, stamps, stamp, nextCursor?, total? }` */
  list(request: ListRequest): Promise<string>
  /** `{ rows, stamps, notifications? }` */
  commit(request: CommitRequest): Promise<CommitAnswer>
  /** `{ events, nextCursor?, caughtUp? }`; caught up: there is nothing more at this moment */
  events(request: EventsRequest): Promise<string>
  /**
   * The same commit as part of a transaction that the application opened, and that alone decides whether it happens.
   * When it is refused, nothing of it is left in the transaction, which can go on. Left out: not possible.
   */
  commitWithin?(tx: Tx, request: CommitRequest): Promise<CommitAnswer>
}

// ---- The port for stores whose rules of a commit run in TypeScript --------------------------------------------

/** A row as it travels: field name to JSON value. */
export type RowValue = Record<string, unknown>

/** An entry of the log, in the words of one model of its table. */
export interface LogEntry {
  /** Its stamp; 0 until the store has given one. */
  readonly position: number
  readonly model: string
  readonly entityId: string
  readonly type: OperationType
  /** The tenant of the row, null for models of policy `none`. */
  readonly tenant: string | null
  /** The row after the change; for a DELETE the row as it was. */
  readonly data: RowValue
  /** Fields whose value changed; null when the row came or went. */
  readonly changed: readonly string[] | null
  /** Key and place of the operation; null for writes that bypassed the endpoint. */
  readonly idempotencyKey: string | null
  readonly index: number | null
  /** What tells two tenants' equal keys apart of global rows; see `keyScope` in core/rules/participant.ts. */
  readonly keyScope: string | null
  readonly transactionId: string | null
  readonly participantId: string | null
  readonly participantKind: string | null
  /** RFC 3339, when the change was made. For people; nothing is decided by it. */
  readonly occurredAt: string
}

/** What the ledger holds under an idempotency key. */
export interface LedgerEntry {
  readonly intent: string
  readonly intentHash: string | null
  /** The answer's JSON text, given back byte for byte on replay. */
  readonly body: string
  /** True when the entry is older than the ledger's retention. */
  readonly expired: boolean
}

/** One row's address. */
export interface Target {
  readonly model: Model
  readonly id: string
}

/**
 * One transaction of a store: the five small operations of a commit and what staleness needs to know. All calls
 * run one after the other. When `work` throws, nothing of it may remain, the reserved key included.
 */
export interface StoreTransaction {
  /**
   * Makes the key this transaction's own, or gives what stands under it. A concurrent transaction with the same
   * (tenant, key) must wait here until this one ends: checking without the wait lets two twins both apply.
   */
  reserve(tenant: string | null, key: string): Promise<LedgerEntry | null>
  /**
   * Locks the rows against concurrent writers until the end of the transaction, in the order given (which is the
   * same for every commit, so that two commits cannot deadlock), and gives each row of this tenant, or null.
   * What was read before the lock was granted is not to be trusted: read again under it.
   */
  lock(tenant: string | null, targets: readonly Target[]): Promise<readonly (RowValue | null)[]>
  /**
   * Keeps each of the rows from being deleted until the end of the transaction (`for key share` in Postgres), and says
   * whether this tenant has it. Asked of the rows that an operation refers to, just before it is applied.
   */
  keep(tenant: string | null, targets: readonly Target[]): Promise<readonly boolean[]>
  /**
   * The log's entries of one row (of this tenant) after `position`, oldest first; read after `lock`. The row is the
   * table's: what was written by another model of it is among them, in the words of the target's model.
   */
  changesSince(tenant: string | null, target: Target, position: number): Promise<readonly LogEntry[]>
  /** The highest position given to anyone so far; a `readAt` above it is from another world. */
  lastPosition(): Promise<number>
  /** The position up to which superseded entries were pruned; 0 when never. */
  prunedThrough(): Promise<number>
  /**
   * Applies one operation to its row: for CREATE the new row, else the row after the change (DELETE: as it was),
   * null when there is no such row for this tenant. Throws `PosternError` for constraint violations.
   */
  apply(tenant: string | null, operation: Operation): Promise<RowValue | null>
  /** Appends events, gives each its position, in order. They become visible with the transaction, not before. */
  append(entries: readonly LogEntry[]): Promise<readonly number[]>
  /** Records the answer under the reserved key. */
  complete(entry: {
    tenant: string | null
    key: string
    intent: string
    intentHash: string | null
    body: string
  }): Promise<void>
}

/** A page of the log. */
export interface LogPage {
  /** Each change once for each model of its table, one behind the other with the same position, in that model's words. */
  readonly entries: readonly LogEntry[]
  /** The position up to which the page is complete: nothing at or below it can appear later. */
  readonly through: number
}

/** A store that `storeAdapter` makes an `Adapter` of. */
export interface Store {
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>
  /** One row of the tenant with its own stamp (0 when the log knows none), read in one snapshot. */
  read(tenant: string | null, target: Target): Promise<{ row: RowValue | null; stamp: number }>
  /**
   * The rows of a page, `limit + 1` at most (the one too many says that there is a next page), each with its own
   * stamp from the same snapshot, and a position that was complete before the rows were read.
   */
  query(
    request: ListRequest,
  ): Promise<{ rows: readonly RowValue[]; stamps: readonly number[]; stamp: number }>
  /** How many rows of the tenant match the conditions. Left out: a query that asks for it is refused. */
  count?(request: ListRequest): Promise<number>
  /**
   * At most `limit` changes after `position` in log order, never past one that may still appear. `tenant` null: all
   * tenants.
   */
  log(tenant: string | null, position: number, limit: number): Promise<LogPage>
  /** Names this log: it changes when positions may have been reused (restore, failover). */
  epoch(): Promise<string>
  /** The lowest position that a cursor may still start from. */
  retainedFrom(): Promise<number>
  /**
   * Remembers that a follower has dealt with everything up to a position, so that pruning keeps what comes after; an
   * earlier position takes nothing back. Left out: a request that acknowledges is refused.
   */
  acknowledge?(follower: string, position: number): Promise<void>
}
