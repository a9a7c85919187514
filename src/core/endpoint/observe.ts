import { notify } from '../callback.ts'
import { errors, type PosternError, type Rejection } from '../errors.ts'
import type { RequestType } from '../protocol/request.ts'
import { type Failure, failureOf } from './failure.ts'
import { modelsOf, type Work } from './work.ts'

/** What happened to one request. No row values and no secrets: fit for logs and dashboards. */
export interface RequestOutcome {
  readonly requestId: string
  /** Undefined for a request that was refused before its type was known; and so for the members below. */
  readonly type: RequestType | undefined
  readonly models: readonly string[]
  readonly organizationId: string | null | undefined
  readonly keyId: string | undefined
  readonly status: number
  /** The error's code; undefined when all went well. */
  readonly code: string | undefined
  readonly durationMs: number
}

/** What `onCommit` and the log are told of a commit that was answered. */
export interface CommitOutcome extends RequestOutcome {
  /** The idempotency key. */
  readonly key: string
  /** How many operations the commit has. */
  readonly operations: number
  /** The answer is the one of an earlier, identical commit: nothing was written this time. */
  readonly replayed: boolean
}

/** What pino and console have in common: an object of fields, then a message. */
export interface Logger {
  info(fields: object, message: string): unknown
  warn(fields: object, message: string): unknown
  error(fields: object, message: string): unknown
}

/** Counters since the start, in plain numbers. */
export interface Metrics {
  /** Every request, verified or not. */
  readonly requests: number
  /** Verified requests under way. */
  readonly inFlight: number
  /** Answered without an error, by type, and the milliseconds that they took together. */
  readonly answered: Readonly<Record<RequestType, { readonly count: number; readonly totalMs: number }>>
  /** Operations of commits that were applied; replays and refusals do not count. */
  readonly operations: number
  /** Commits that were answered from the ledger. */
  readonly replays: number
  /** Answers with an error, by its code. */
  readonly errors: Readonly<Record<string, number>>
}

/** The part of an OpenTelemetry span that is used here. */
export interface Span {
  setAttribute(name: string, value: string | number | boolean): unknown
  setStatus(status: { code: number }): unknown
  end(): void
}

/**
 * The part of an OpenTelemetry tracer that is used here. A span ends with its request and carries `postern.request_id`,
 * `postern.outcome` (`ok`, `refused`, `failed`), `postern.models`, of a commit `postern.operations` and
 * `postern.replayed`, of an error `error.type` with its code. Never values, ids or keys.
 */
export interface Tracer {
  startActiveSpan<T>(name: string, work: (span: Span) => T): T
}

/**
 * Ways to watch an endpoint. Nothing here is waited for, and nothing that is thrown, rejected or never settled here
 * reaches a caller: a failure of a hook is logged, one of the logger is written to the console, once an endpoint.
 */
export interface Observation {
  /** After each commit that was answered, replays too. */
  readonly onCommit?: ((outcome: CommitOutcome) => unknown) | undefined
  /** After each request that was refused by rule: statuses 4xx, and `source_busy` for want of a free place. */
  readonly onReject?: ((outcome: RequestOutcome, error: PosternError | Rejection) => unknown) | undefined
  /** After each failure, with the whole error: it may hold row values and SQL, which the answer never does. */
  readonly onError?: ((error: unknown, outcome: RequestOutcome) => unknown) | undefined
  /** One line a request. pino and console fit. */
  readonly logger?: Logger | undefined
  /**
   * One span for each verified request, named `postern.load`, `.list`, `.commit` or `.events`: see `openTelemetry` of
   * `postern/opentelemetry`. A request whose tracer fails is answered without a span.
   */
  readonly tracer?: Tracer | undefined
}

/** One request as far as it has come. */
export interface Trace {
  readonly requestId: string
  readonly startedAt: number
  keyId: string | undefined
  type: RequestType | undefined
  /** Undefined until the scope is known. */
  tenant: string | null | undefined
  work: Work | undefined
}

const SPAN_ERROR = 2

/** Counts, logs and calls the hooks of one endpoint. */
export function createObserver(options: Observation) {
  const answered = { load: counter(), list: counter(), commit: counter(), events: counter() }
  const failures = new Map<string, number>()
  let requests = 0
  let inFlight = 0
  let operations = 0
  let replays = 0
  const { logger } = options

  const toldOf = new Set<string>()
  /** For what no logger can be told. Once for each name: a logger that is down fails at every request. */
  const complain = (name: string): void => {
    if (toldOf.has(name)) return
    toldOf.add(name)
    try {
      console.warn(`postern: ${name} failed; this is said once.`)
    } catch {
      // A console that was replaced by one that throws.
    }
  }

  const log = (level: 'info' | 'warn' | 'error', fields: object, message: string): void => {
    if (logger === undefined) return
    notify(
      'logger',
      () => logger[level](fields, message),
      () => complain('the logger'),
    )
  }

  const hookFailed = (hook: string): void => {
    if (logger === undefined) complain(`the hook ${hook}`)
    else log('error', { hook }, `postern: the hook ${hook} failed`)
  }

  /** Neither a throw nor a rejection of a hook may change an answer or end the process. */
  const call = (hook: string, run: () => unknown): void => notify(hook, run, () => hookFailed(hook))

  const outcome = (trace: Trace, status: number, code: string | undefined): RequestOutcome => ({
    requestId: trace.requestId,
    type: trace.type,
    models: trace.work ? modelsOf(trace.work) : [],
    organizationId: trace.tenant,
    keyId: trace.keyId,
    status,
    code,
    durationMs: performance.now() - trace.startedAt,
  })

  return {
    begin(): Trace {
      requests++
      return {
        requestId: crypto.randomUUID(),
        startedAt: performance.now(),
        keyId: undefined,
        type: undefined,
        tenant: undefined,
        work: undefined,
      }
    },

    /** Takes one of `limit` places; false when none is free. */
    enter(limit: number): boolean {
      if (inFlight >= limit) return false
      inFlight++
      return true
    },

    leave(): void {
      inFlight--
    },

    /** Answers a verified request inside a span, where there is a tracer. */
    span<T extends { readonly replayed: boolean }>(
      trace: Trace,
      type: RequestType,
      run: () => Promise<T>,
    ): Promise<T> {
      const { tracer } = options
      if (tracer === undefined) return run()
      const set = (change: () => unknown): void => notify('tracer', change, () => hookFailed('tracer'))
      let started: Promise<T> | undefined
      const inside = async (span: Span): Promise<T> => {
        set(() => span.setAttribute('postern.request_id', trace.requestId))
        try {
          const answer = await run()
          if (type === 'commit') set(() => span.setAttribute('postern.replayed', answer.replayed))
          set(() => span.setAttribute('postern.outcome', 'ok'))
          return answer
        } catch (error) {
          // Never recordException: messages of drivers hold row values.
          const { code, refusal } = failureOf(error)
          set(() => span.setAttribute('postern.outcome', refusal === undefined ? 'failed' : 'refused'))
          set(() => span.setAttribute('error.type', code))
          // A caller's error is no error of this server.
          if (refusal === undefined) set(() => span.setStatus({ code: SPAN_ERROR }))
          throw error
        } finally {
          const { work } = trace
          if (work !== undefined) {
            // Names of the schema, once they are known to be: what the caller wrote is not.
            set(() => span.setAttribute('postern.models', modelsOf(work).join(',')))
            if (work.type === 'commit')
              set(() => span.setAttribute('postern.operations', work.request.operations.length))
          }
          set(() => span.end())
        }
      }
      // The answer is that of the work, whatever a tracer makes of it; and the work is done once, however often a
      // tracer calls its function.
      const once = (span: Span): Promise<T> => {
        started ??= inside(span)
        return started
      }
      try {
        // What it gives is the work's own promise, or follows it: a rejection is the work's, and is answered.
        const given: unknown = tracer.startActiveSpan(`postern.${type}`, once)
        if (given !== started) notify('tracer', () => given)
      } catch {
        hookFailed('tracer')
      }
      if (started === undefined) {
        hookFailed('tracer')
        started = run()
      }
      return started
    },

    succeeded(trace: Trace, work: Work, replayed: boolean): void {
      const total = answered[work.type]
      total.count++
      total.totalMs += performance.now() - trace.startedAt
      if (replayed) replays++
      else if (work.type === 'commit') operations += work.request.operations.length
      if (work.type !== 'commit') {
        if (logger) log('info', outcome(trace, 200, undefined), `postern: ${work.type}`)
        return
      }
      if (logger === undefined && options.onCommit === undefined) return
      const { idempotencyKey: key, operations: applied } = work.request
      const commit = { ...outcome(trace, 200, undefined), key, operations: applied.length, replayed }
      log('info', commit, replayed ? 'postern: commit replayed' : 'postern: commit')
      if (options.onCommit) call('onCommit', () => options.onCommit?.(commit))
    },

    failed(trace: Trace, failure: Failure, error: unknown): void {
      failures.set(failure.code, (failures.get(failure.code) ?? 0) + 1)
      const result = outcome(trace, failure.status, failure.code)
      if (failure.refusal !== undefined) {
        const { refusal } = failure
        log('warn', result, `postern: refused, ${failure.code}`)
        if (options.onReject) call('onReject', () => options.onReject?.(result, refusal))
        return
      }
      // Messages of drivers hold row values; ours do not, and some of them name the fix.
      const reason = failure.message === errors.internal_error.meaning ? {} : { reason: failure.message }
      log('error', { ...result, ...reason }, `postern: failed, ${failure.code}`)
      if (options.onError) call('onError', () => options.onError?.(error, result))
    },

    metrics(): Metrics {
      const copies = Object.fromEntries(Object.entries(answered).map(([type, total]) => [type, { ...total }]))
      return {
        requests,
        inFlight,
        answered: copies as Record<RequestType, { count: number; totalMs: number }>,
        operations,
        replays,
        errors: Object.fromEntries(failures),
      }
    },
  }
}

const counter = () => ({ count: 0, totalMs: 0 })
