import type { CommitOperation, StaleReportOf } from '../core/caller/caller.ts'
import { numberOf } from '../core/options.ts'
import type { Schema } from '../core/schema/define.ts'
import type { ModelName, Row } from '../core/schema/infer.ts'
import { messageId } from '../core/signature/sign.ts'
import { encodeRequest } from './encode.ts'
import { ClientError } from './error.ts'
import { type ClientCallOptions, MAX_TIMER_MS } from './options.ts'

/** When the operations of a batch are sent, and how many commits are under way. */
export interface BatchOptions extends ClientCallOptions {
  /** Operations of one commit at most. Default 100; an endpoint takes 1,000 by default. */
  readonly maxOperations?: number | undefined
  /** Bytes of the operations of one commit at most. Default 256 KiB. */
  readonly maxBytes?: number | undefined
  /** Milliseconds that an operation waits for others at most. Default 5; 0: until the end of the current task. */
  readonly maxDelayMs?: number | undefined
  /** Commits under way at once. Default 4. */
  readonly maxInFlight?: number | undefined
  /** Operations that wait at most; one more is refused with `queue_full`. Default 10,000. */
  readonly maxQueued?: number | undefined
}

/** What becomes of one operation of a batch. */
export interface Batched<R> {
  /** The row after the operation; null when it was held back as stale. */
  readonly row: R | null
  readonly stamp: number | null
  /** Why it was held back, where its `onStale` is `notify`. */
  readonly notification?: StaleReportOf<Schema>
  /** The idempotency key of the commit that it went with. */
  readonly idempotencyKey: string
}

/**
 * Sends operations of many callers in few commits.
 *
 * Each operation has its own outcome. A commit that is refused is applied to none of its operations: they are then sent
 * one by one, so that one operation's refusal is not that of the others. Operations of one row are sent in the order in
 * which they were given, whatever the number of commits under way. After a commit whose outcome is unknown, each of its
 * operations fails with that error: they are not sent again under another key.
 */
export interface Batch<S extends Schema = Schema> {
  /** Adds an operation to the next commit. */
  enqueue<const O extends CommitOperation<S>>(
    operation: O,
  ): Promise<Batched<Row<S, O['model'] & ModelName<S>>>>
  /** Sends an operation in a commit of its own, at once, in the same order as the others of its row. */
  enqueueSolo<const O extends CommitOperation<S>>(
    operation: O,
    options?: { readonly idempotencyKey?: string },
  ): Promise<Batched<Row<S, O['model'] & ModelName<S>>>>
  /** Sends what waits, at once; resolves when everything that was given so far has its outcome. Never rejects. */
  flush(): Promise<void>
  /** Operations that have no outcome yet. */
  readonly pending: number
}

interface Entry {
  readonly operation: CommitOperation
  readonly bytes: number
  /** Operations of one row have one; a CREATE whose id the database makes has its own. */
  readonly row: string | symbol
  readonly solo: boolean
  readonly idempotencyKey: string | undefined
  readonly settled: Promise<unknown>
  resolve(outcome: Batched<never>): void
  reject(error: unknown): void
}

type SendCommit = (commit: {
  readonly idempotencyKey: string
  readonly operations: readonly CommitOperation[]
}) => Promise<{
  readonly rows: readonly unknown[]
  readonly stamps: readonly (number | null)[]
  readonly notifications?: readonly StaleReportOf<Schema>[]
}>

export function createBatch<S extends Schema>(commit: SendCommit, options: BatchOptions): Batch<S> {
  const maxOperations = numberOf('maxOperations', options.maxOperations, 100, 1, 100_000)
  const maxBytes = numberOf('maxBytes', options.maxBytes, 2 ** 18, 1, 2 ** 30)
  const maxDelayMs = numberOf('maxDelayMs', options.maxDelayMs, 5, 0, MAX_TIMER_MS)
  const maxInFlight = numberOf('maxInFlight', options.maxInFlight, 4, 1, 1_000)
  const maxQueued = numberOf('maxQueued', options.maxQueued, 10_000, 1, 1_000_000)
  const waiting: Entry[] = []
  const busyRows = new Set<string | symbol>()
  const unsettled = new Set<Entry>()
  let inFlight = 0
  let waitingBytes = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  /** How many of the waiting operations, from the first, are not to wait any longer. */
  let due = 0

  function add(operation: CommitOperation, solo: boolean, idempotencyKey?: string): Promise<Batched<never>> {
    if (waiting.length >= maxQueued) {
      const message = `${maxQueued} operations are waiting: slow down, or raise \`maxQueued\`.`
      return Promise.reject(new ClientError('queue_full', message, { retryable: true }))
    }
    let bytes: number
    try {
      bytes = new TextEncoder().encode(encodeRequest({ operations: [operation] })).length
    } catch (error) {
      return Promise.reject(error)
    }
    let resolve: Entry['resolve'] = () => {}
    let reject: Entry['reject'] = () => {}
    const outcome = new Promise<Batched<never>>((done, failed) => {
      resolve = done
      reject = failed
    })
    const row = operation.id === undefined ? Symbol('new') : JSON.stringify([operation.model, operation.id])
    const entry: Entry = {
      operation,
      bytes,
      row,
      solo,
      idempotencyKey,
      settled: outcome.catch(() => {}),
      resolve,
      reject,
    }
    unsettled.add(entry)
    entry.settled.then(() => unsettled.delete(entry))
    waiting.push(entry)
    waitingBytes += bytes
    if (solo || waiting.length >= maxOperations || waitingBytes >= maxBytes) due = waiting.length
    else timer ??= setTimeout(send, maxDelayMs)
    pump()
    return outcome
  }

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    due = waiting.length
    pump()
  }

  function pump(): void {
    while (due > 0 && inFlight < maxInFlight) {
      const entries = takeNext()
      if (entries.length === 0) return
      inFlight++
      for (const { row } of entries) busyRows.add(row)
      run(entries).finally(() => {
        inFlight--
        for (const { row } of entries) busyRows.delete(row)
        pump()
      })
    }
  }

  /** The operations of the next commit: those that are due, less those whose row is under way or was passed over. */
  function takeNext(): Entry[] {
    const taken: Entry[] = []
    const passed = new Set(busyRows)
    let bytes = 0
    for (let index = 0; index < due && taken.length < maxOperations; ) {
      const entry = waiting[index] as Entry
      const fits = taken.length === 0 || (!entry.solo && bytes + entry.bytes <= maxBytes)
      if (!fits || passed.has(entry.row)) {
        passed.add(entry.row)
        index++
        continue
      }
      waiting.splice(index, 1)
      due--
      waitingBytes -= entry.bytes
      taken.push(entry)
      bytes += entry.bytes
      if (entry.solo) break
    }
    if (waiting.length === 0 && timer !== undefined) {
      clearTimeout(timer)
      timer = undefined
    }
    return taken
  }

  async function run(entries: readonly Entry[]): Promise<void> {
    const idempotencyKey = entries[0]?.idempotencyKey ?? `batch:${messageId()}`
    try {
      const {
        rows,
        stamps,
        notifications = [],
      } = await commit({
        idempotencyKey,
        operations: entries.map(({ operation }) => operation),
      })
      for (const [index, entry] of entries.entries()) {
        const notification = notifications.find((report) => report.index === index)
        entry.resolve({
          row: (rows[index] ?? null) as never,
          stamp: stamps[index] ?? null,
          ...(notification !== undefined && { notification }),
          idempotencyKey,
        })
      }
    } catch (error) {
      if (entries.length === 1 || !wroteNothing(error)) {
        for (const entry of entries) entry.reject(error)
        return
      }
      // in order: several may be of one row
      for (const entry of entries) await run([entry])
    }
  }

  return {
    enqueue: (operation) => add(operation as unknown as CommitOperation, false),
    enqueueSolo: (operation, { idempotencyKey } = {}) =>
      add(operation as unknown as CommitOperation, true, idempotencyKey),
    async flush() {
      send()
      await Promise.all([...unsettled].map(({ settled }) => settled))
    },
    get pending() {
      return unsettled.size
    },
  }
}

/** A refusal by rule, of one of the operations. After anything else the commit may have been applied. */
const wroteNothing = (error: unknown): boolean =>
  error instanceof ClientError &&
  !error.retryable &&
  (error.code === 'request_too_large' ||
    (error.status !== undefined &&
      error.status >= 400 &&
      error.status < 500 &&
      error.status !== 401 &&
      error.code !== 'unexpected_answer'))
