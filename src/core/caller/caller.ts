import type { Operator, Scope } from '../adapter.ts'
import type { ChangeEvent } from '../rules/event.ts'
import type { StaleReport } from '../rules/staleness.ts'
import type { Schema } from '../schema/define.ts'
import type {
  AllowedOperation,
  CreateInput,
  Embedded,
  FieldName,
  KeyName,
  ModelName,
  RelatedModel,
  RelationName,
  Row,
  UpdateInput,
} from '../schema/infer.ts'
import type { OperationType } from '../schema/operation.ts'

/*
 * What a caller of an endpoint sends and gets, typed by the schema: over HTTP (`createClient`) and in the same process
 * alike. Types only.
 */

/** What becomes of an operation whose row changed after its `readAt`. `force` and `flag` are older names. */
export type StaleMode = 'reject' | 'overwrite' | 'notify' | 'merge' | 'force' | 'flag'

interface AnyOperation<M extends string> {
  readonly model: M
  /** Comes back on the operation's event. */
  readonly transactionId?: string
  /** The stamp of the state that this was decided on. */
  readonly readAt?: number
  /** What to do when the row changed since. Default `reject`. */
  readonly onStale?: StaleMode
}

/** Makes a row. Without `id` the application's default or the database makes one. */
export interface CreateOperation<M extends string, Input> extends AnyOperation<M> {
  readonly type: 'CREATE'
  readonly id?: string
  readonly input: Input
}

/** Changes the fields that `input` names. */
export interface UpdateOperation<M extends string, Input> extends AnyOperation<M> {
  readonly type: 'UPDATE'
  readonly id: string
  readonly input: Input
}

/** Removes a row, or sets or empties its `archive` field. */
export interface RowOperation<M extends string, T extends string> extends AnyOperation<M> {
  readonly type: T
  readonly id: string
}

/** Stands for the operations that a model does not allow, so that the compiler's message says so. */
type NotMutable<M extends string, T extends string> = AnyOperation<M> & {
  readonly type: T
  readonly id?: string
  readonly input?: unknown
} & { readonly [Message in `${M} does not allow ${T}: name it in the model's \`mutable\``]: never }

type OperationOf<S extends Schema, M extends ModelName<S>, T> = T extends 'CREATE'
  ? CreateOperation<M, CreateInput<S, M>>
  : T extends 'UPDATE'
    ? UpdateOperation<M, UpdateInput<S, M>>
    : T extends OperationType
      ? RowOperation<M, T>
      : never

/** One change of one row, of a model and of a type that the model allows. */
export type CommitOperation<S extends Schema = Schema, M extends ModelName<S> = ModelName<S>> = {
  [N in ModelName<S>]: OperationOf<S, N, AllowedOperation<S, N>>
}[M]

/** The same, and what must not be sent, each with its reason. */
type JudgedOperation<S extends Schema> = {
  [N in ModelName<S>]: CommitOperation<S, N> | Refused<N, Exclude<OperationType, AllowedOperation<S, N>>>
}[ModelName<S>]
type Refused<M extends string, T> = T extends string ? NotMutable<M, T> : never

/** The operations of one commit. */
export type CommitOperations<S extends Schema> = readonly JudgedOperation<S>[]

/**
 * TypeScript looks for unknown members only where it does not infer, and a commit's operations are inferred: this says
 * which fields of an input its model does not have.
 */
type KnownFields<S extends Schema, O> = O extends {
  readonly model: infer M extends ModelName<S>
  readonly input: infer Input
}
  ? string extends M | keyof Input
    ? unknown
    : {
        readonly input: {
          readonly [F in Exclude<
            keyof Input,
            keyof CreateInput<S, M>
          >]: Faulty<`${M} has no field ${F & string} that can be written`>
        }
      }
  : unknown

/** Nothing is of this type: the compiler's message says why. */
type Faulty<Message extends string> = { readonly [M in Message]: never }

/** What `commit` takes. */
export interface Commit<S extends Schema = Schema, O extends CommitOperations<S> = CommitOperations<S>> {
  /** The idempotency key: one intent, one key, whatever the number of attempts. 1 to 255 printable ASCII characters. */
  readonly idempotencyKey: string
  /** Applied all or none. */
  readonly operations: { readonly [I in keyof O]: O[I] & KnownFields<S, O[I]> }
  /** A hash of your own intent; under the same key another hash is a conflict. */
  readonly intentHash?: string
  /** Comes back in the write-ahead log where the adapter supports it. */
  readonly echo?: unknown
}

/** `notify` holds a stale operation back, and its row is null. */
type Held<O> = O extends { readonly onStale?: infer Mode }
  ? Extract<Mode, 'notify' | 'flag'> extends never
    ? never
    : null
  : never

/** What `commit` gives back. */
export interface Committed<S extends Schema = Schema, O extends CommitOperations<S> = CommitOperations<S>> {
  /** One an operation, in the order given: the row after it, for a DELETE as it was, null for one held back. */
  readonly rows: { readonly [I in keyof O]: Row<S, O[I]['model'] & ModelName<S>> | Held<O[I]> }
  /** The position of each change, the next `readAt` of its row; null for one held back. */
  readonly stamps: { readonly [I in keyof O]: number | Held<O[I]> }
  /** Operations that were held back as stale, because their `onStale` is `notify`. */
  readonly notifications?: readonly StaleReportOf<S>[]
  /** The commit had been applied before; this is its first answer again. */
  readonly replayed: boolean
}

/** What is told of a stale operation, with the row as it is now. */
export type StaleReportOf<S extends Schema, M extends ModelName<S> = ModelName<S>> = {
  [N in ModelName<S>]: Omit<StaleReport, 'model' | 'current' | 'changed'> & {
    readonly model: N
    /** Fields that changed since `readAt`, sorted; null when the row came or went, or the log no longer knows. */
    readonly changed: readonly FieldName<S, N>[] | null
    /** The row as it is now; left out where it has more than a megabyte. */
    readonly current?: Row<S, N> | null
  }
}[M]

/** A change of one row, typed by its model. */
export type EventOf<S extends Schema, M extends ModelName<S> = ModelName<S>> = {
  [N in ModelName<S>]: Omit<ChangeEvent, 'model' | 'data' | 'before' | 'changed'> & {
    readonly model: N
    /** The row after the change; for a DELETE the row as it was. */
    readonly data: Row<S, N>
    /** The row before the change, from endpoints that tell it. */
    readonly before?: Row<S, N> | null
    /** Names of the fields whose value changed; absent when the row came or went. */
    readonly changed?: readonly FieldName<S, N>[]
  }
}[M]

/** What a field can be compared with, by operator. */
type FieldCondition<F extends string, V> =
  | readonly [F, V]
  | readonly [F, Comparison, V]
  | Membership<F, V>
  | Pattern<F, V>
type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='
type Membership<F extends string, V> =
  | readonly [F, 'IN' | 'NOT IN', readonly V[]]
  | readonly [F, 'IS' | 'IS NOT', V extends boolean ? boolean | null : null]
type Pattern<F extends string, V> = V extends string
  ? readonly [F, 'LIKE' | 'NOT LIKE' | 'ILIKE' | 'NOT ILIKE' | 'STARTS WITH', string]
  : V extends readonly (infer Member)[]
    ? readonly [F, 'CONTAINS', Member]
    : never

type Conditions<S extends Schema> = {
  [N in ModelName<S>]: string extends N
    ? readonly [string, unknown] | readonly [string, Operator, unknown]
    : ConditionsOn<Row<S, N>>
}
type ConditionsOn<R> = {
  [F in keyof R & string]: FieldCondition<F, Exclude<R[F], null>>
}[keyof R & string]

/** One condition of a query: a field, an operator and a value, or conditions joined by `or`, `and` or `not`. */
export type Where<S extends Schema = Schema, M extends ModelName<S> = ModelName<S>> =
  | Conditions<S>[M]
  | { readonly or: readonly Where<S, M>[] }
  | { readonly and: readonly Where<S, M>[] }
  | { readonly not: Where<S, M> }

/** One field to order by; `first` and `last` say where nulls go. */
export type OrderBy<S extends Schema, M extends ModelName<S>> =
  | readonly [FieldName<S, M>, 'asc' | 'desc']
  | readonly [FieldName<S, M>, 'asc' | 'desc', 'first' | 'last']

/** A relation to embed: its name, or its name and which rows of it. */
export type Related<S extends Schema, M extends ModelName<S>> =
  | RelationName<S, M>
  | { [N in RelationName<S, M>]: RelatedQuery<S, RelatedModel<S, M, N>, N> }[RelationName<S, M>]

interface RelatedQuery<S extends Schema, M extends ModelName<S>, N extends string> {
  readonly name: N
  readonly select?: readonly FieldName<S, M>[]
  readonly where?: readonly Where<S, M>[]
  readonly orderBy?: FieldName<S, M> | readonly OrderBy<S, M>[]
  readonly limit?: number
  readonly related?: readonly Related<S, M>[]
}

type Selection<S extends Schema, M extends ModelName<S>> = readonly FieldName<S, M>[] | undefined
type Relations<S extends Schema, M extends ModelName<S>> = readonly Related<S, M>[] | undefined

/** What `load` can be told beside model and id. */
export interface LoadQuery<
  S extends Schema = Schema,
  M extends ModelName<S> = ModelName<S>,
  Select extends Selection<S, M> = Selection<S, M>,
  With extends Relations<S, M> = Relations<S, M>,
> {
  /** Fields of the row; the key always comes. Default: all. */
  readonly select?: Select
  /** Relations to embed in the row. */
  readonly related?: With
}

/** Which rows `list` asks for, and in what order. */
export interface ListQuery<
  S extends Schema = Schema,
  M extends ModelName<S> = ModelName<S>,
  Select extends Selection<S, M> = Selection<S, M>,
  With extends Relations<S, M> = Relations<S, M>,
> extends LoadQuery<S, M, Select, With> {
  /** Each `[field, value]`, `[field, operator, value]` or conditions joined; all of them must hold. */
  readonly where?: readonly Where<S, M>[]
  /** A field, or several with their direction. Default: the primary key. */
  readonly orderBy?: FieldName<S, M> | readonly OrderBy<S, M>[]
  readonly order?: 'asc' | 'desc'
  /** Rows of a page. Default and cap are the endpoint's: 100 and 1,000 unless told otherwise. */
  readonly limit?: number | undefined
  /** `nextCursor` of an earlier page of the same query. */
  readonly cursor?: string | undefined
  /** Asks for `total`, the number of all rows that match. */
  readonly count?: true
  /** Asks for `feedCursor`, from which to follow the feed once all pages are read. */
  readonly follow?: true
}

/** The row that a query gives: the fields that it selects, and what it embeds. */
export type Found<S extends Schema, M extends ModelName<S>, Select = undefined, With = undefined> = Selected<
  S,
  M,
  Select
> &
  EmbeddedIn<S, M, With>

type Selected<S extends Schema, M extends ModelName<S>, Select> = Select extends readonly (infer F)[]
  ? string extends M
    ? Row<S, M>
    : { [N in keyof Row<S, M> as N extends F | KeyName<S, M> ? N : never]: Row<S, M>[N] }
  : Row<S, M>

type EmbeddedIn<S extends Schema, M extends ModelName<S>, With> = With extends readonly (infer R)[]
  ? {
      [One in R as NameOf<One> & string]: NameOf<One> extends infer N extends RelationName<S, M>
        ? Embedded<S, M, N, FoundBy<S, RelatedModel<S, M, N>, One>>
        : never
    }
  : unknown
type NameOf<One> = One extends { readonly name: infer N } ? N : One
type FoundBy<S extends Schema, M extends ModelName<S>, One> = Found<
  S,
  M,
  One extends { readonly select: infer Select } ? Select : undefined,
  One extends { readonly related: infer With } ? With : undefined
>

/** What `load` gives back. */
export interface Loaded<R> {
  /** Null when there is no such row for this caller. */
  readonly row: R | null
  /** The row's position in the log: the `readAt` of a commit that is decided on it. */
  readonly stamp: number
}

/** What `list` gives back. */
export interface Page<R> {
  readonly rows: readonly R[]
  /** The stamp of each row, in the same order. */
  readonly stamps: readonly number[]
  /** A position that is safe as `readAt` for every row of the page, if conservative. */
  readonly stamp: number
  /** Absent on the last page. */
  readonly nextCursor?: string
  /** How many rows match on all pages, where `count` was asked for. */
  readonly total?: number
  /** A position of the feed from before the first row was read, where `follow` was asked for. */
  readonly feedCursor?: string
}

/** How far `listAll` has got. */
export interface ListProgress {
  /** Rows read so far, this page included. */
  readonly rows: number
  readonly pages: number
  /** All rows that match, where the query has `count: true`. */
  readonly total: number | undefined
  /** Where the next page starts; undefined after the last. */
  readonly cursor: string | undefined
}

/** What `listAll` can be told beside its query. */
export interface ListAllOptions {
  /** Called when a page has arrived, before its rows are given. An error that it throws ends the walk. */
  readonly onProgress?: ((progress: ListProgress) => unknown) | undefined
}

/** How `update` decides and how often. */
export interface UpdateOptions {
  /** How often the row is read and decided on at most. Default 5. */
  readonly attempts?: number | undefined
  /**
   * The idempotency key; the number of the attempt is put behind it. Give one where the same intent may be carried out
   * twice, for example by a job that is run again: the second finds the first. Default: a random one.
   */
  readonly idempotencyKey?: string | undefined
}

/** What `update` gives back. */
export interface Updated<R> {
  /** The row after the change, or as it was read when there was nothing to change. */
  readonly row: R
  readonly stamp: number
  /** False when the function decided that nothing is to be changed. */
  readonly changed: boolean
}

/** Decides what becomes of a row: the fields to change, or null (or undefined) to leave it as it is. */
export type Decide<S extends Schema, M extends ModelName<S>> = (
  row: Row<S, M>,
  context: { readonly stamp: number; readonly attempt: number },
) => UpdateInput<S, M> | null | undefined | Promise<UpdateInput<S, M> | null | undefined>

/** What every call may say beside its request. */
export interface CallOptions {
  /** Who asks. Laid over the scope of the client, member by member. */
  readonly scope?: Scope | undefined
}

/** Reading and writing by a schema, whatever carries it. */
export interface Caller<S extends Schema = Schema, Options extends CallOptions = CallOptions> {
  /**
   * One row by its id.
   *
   * @example
   * const { row, stamp } = await client.load('tasks', 't1')
   */
  load<
    M extends ModelName<S>,
    const Select extends Selection<S, M> = undefined,
    const With extends Relations<S, M> = undefined,
  >(
    model: M,
    id: string,
    options?: LoadQuery<S, M, Select, With> & Options,
  ): Promise<Loaded<Found<S, M, Select, With>>>
  /**
   * One page of rows.
   *
   * @example
   * const { rows, nextCursor } = await client.list('tasks', { where: [['status', '=', 'todo']], related: ['project'] })
   */
  list<
    M extends ModelName<S>,
    const Select extends Selection<S, M> = undefined,
    const With extends Relations<S, M> = undefined,
  >(
    model: M,
    query?: ListQuery<S, M, Select, With>,
    options?: Options,
  ): Promise<Page<Found<S, M, Select, With>>>
  /**
   * Every row of a query, page after page, each with its stamp.
   *
   * @example
   * for await (const { row, stamp } of client.listAll('tasks', { where: [['status', '=', 'todo']] })) {
   *   console.log(row.title, stamp)
   * }
   */
  listAll<
    M extends ModelName<S>,
    const Select extends Selection<S, M> = undefined,
    const With extends Relations<S, M> = undefined,
  >(
    model: M,
    query?: ListQuery<S, M, Select, With>,
    options?: ListAllOptions & Options,
  ): AsyncGenerator<{ readonly row: Found<S, M, Select, With>; readonly stamp: number }, void, undefined>
  /**
   * Applies operations, all or none, and once per key.
   *
   * @example
   * const { rows: [task] } = await client.commit({
   *   idempotencyKey: 'close:t1',
   *   operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { status: 'done' }, readAt: 7 }],
   * })
   */
  commit<const O extends CommitOperations<S>>(
    commit: Commit<S, O>,
    options?: Options,
  ): Promise<Committed<S, O>>
  /**
   * Reads a row, lets the function decide which fields change, and commits that on the state that was read. When the row
   * changed meanwhile, it is read and decided again, a bounded number of times.
   *
   * Refused with `stale_context` when the row changed each time, with `entity_not_found` when there is none.
   *
   * @example
   * await client.update('tasks', 't1', (task) => (task.status === 'done' ? null : { status: 'done' }))
   */
  update<M extends ModelName<S>>(
    model: M,
    id: string,
    decide: Decide<S, M>,
    options?: UpdateOptions & Options,
  ): Promise<Updated<Row<S, M>>>
}
