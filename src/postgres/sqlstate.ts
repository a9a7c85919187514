import type { ErrorCode } from '../core/errors.ts'
import { PosternError, Rejection } from '../core/errors.ts'

/**
 * What a database error means to a caller. Client libraries wrap errors in their own (`cause`, `meta`, ...); the
 * five characters of the SQLSTATE are the only part that all of them keep. Texts are never passed on: they carry
 * values of rows.
 */

const byState: Record<string, ErrorCode> = {
  '23505': 'unique_violation',
  '23503': 'foreign_key_violation',
  '23001': 'foreign_key_violation',
  '23502': 'not_null_violation',
  '23514': 'check_violation',
  '40001': 'source_busy',
  '40P01': 'source_busy',
  '55P03': 'source_busy',
  '57014': 'source_busy',
  '25P04': 'source_busy',
  '42501': 'source_adapter_misconfigured',
  '42P01': 'source_adapter_misconfigured',
  '42703': 'source_adapter_misconfigured',
  '42704': 'source_adapter_misconfigured',
  '42804': 'source_adapter_misconfigured',
  '42883': 'source_adapter_misconfigured',
  '428C9': 'source_commit_invalid',
  // a rule of the application's that a statement of ours cannot be rewritten by
  '0A000': 'constraint_violation',
  '3D000': 'source_adapter_misconfigured',
  '3F000': 'source_adapter_misconfigured',
  '28000': 'source_adapter_misconfigured',
  '28P01': 'source_adapter_misconfigured',
  '25006': 'source_unavailable',
  // the end of a sequence: nothing that the caller sent
  '2200H': 'source_adapter_misconfigured',
  PN500: 'source_adapter_misconfigured',
  PN403: 'source_forbidden',
  PN409: 'constraint_violation',
  PN413: 'commit_too_large',
  PN404: 'entity_not_found',
  PN405: 'entity_not_found',
}

const byClass: Record<string, ErrorCode> = {
  '23': 'constraint_violation',
  '22': 'source_commit_invalid',
  '54': 'source_commit_invalid',
  '44': 'check_violation',
  // deterministic, all of them: sent again, they are refused again
  '0A': 'source_adapter_misconfigured',
  '21': 'source_adapter_misconfigured',
  '2F': 'source_adapter_misconfigured',
  '38': 'source_adapter_misconfigured',
  '39': 'source_adapter_misconfigured',
  '42': 'source_adapter_misconfigured',
  '53': 'source_unavailable',
  '57': 'source_unavailable',
  '08': 'source_unavailable',
  P0: 'constraint_violation',
}

/** Postgres's own SQLSTATE classes (appendix A of its manual); what is not among them was raised by a trigger of the customer. */
const knownClasses = /^(0[0-389ABFLPZ]|10|2[0-8BDF]|3[489BDF]|4[024]|5[34578]|72|F0|HV|P0|PN|XX)/

/** The code for a SQLSTATE. */
function codeOf(state: string): ErrorCode {
  const known = byState[state] ?? byClass[state.slice(0, 2)]
  if (known !== undefined) return known
  return knownClasses.test(state) ? 'internal_error' : 'constraint_violation'
}

/** What the database said of an error, for the operator: hooks and the log get it as the `cause`. It never travels. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
  /** The SQLSTATE. */
  readonly code: string
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly hint: string | undefined
  /** The function of the application that raised it, or in which it happened: `public.check_email()`. */
  readonly function: string | undefined

  constructor(
    message: string,
    parts: Pick<DatabaseError, 'code' | 'constraint' | 'table' | 'column' | 'hint' | 'function'>,
  ) {
    super(message)
    this.code = parts.code
    this.constraint = parts.constraint
    this.table = parts.table
    this.column = parts.column
    this.hint = parts.hint
    this.function = parts.function
  }
}

/** The refusal with the hint of the trigger that made it (`raise ... using hint = '...'`), for the caller. */
export function withHint(error: unknown): unknown {
  if (!(error instanceof PosternError) || !(error.cause instanceof DatabaseError)) return error
  const { hint, function: raisedBy } = error.cause
  // a hint of Postgres's own may quote SQL
  if (hint === undefined || raisedBy === undefined) return error
  return new PosternError(error.code, error.message, {
    details: { ...error.details, hint },
    cause: error.cause,
  })
}

/** Where in the application's functions an error came from. */
export interface Frame {
  readonly function: string
  /** By RAISE: the function refuses. Otherwise one of its statements failed. */
  readonly raised: boolean
}

/**
 * The innermost function that an error's context names, when it is the application's.
 *
 * @param context as `pg_exception_context` has it, in the language of the server: only what no language changes is read.
 * @param s postern's own schema
 */
export function frameOf(context: string | undefined, s: string): Frame | undefined {
  const line = context?.split('\n').find((one) => one.startsWith('PL/pgSQL'))
  const name =
    line === undefined ? undefined : /(?:[\w$]+|"[^"]+")(?:\.(?:[\w$]+|"[^"]+"))?\([^()]*\)/.exec(line)?.[0]
  if (line === undefined || name === undefined || name.startsWith(`${s}.`)) return undefined
  return { function: name, raised: /\bRAISE$/.test(line) }
}

/** What an error in a function of the application is to a caller. */
export function codeWithin(state: string, frame: Frame | undefined): ErrorCode {
  const code = codeOf(state)
  if (frame === undefined) return code
  // a trigger that raises refuses the change, under whatever SQLSTATE it took for it; one that asks for another try gets it
  const isFault = code === 'source_adapter_misconfigured' || code === 'internal_error'
  return frame.raised && isFault ? 'constraint_violation' : code
}

/**
 * Whether the data, a rule of the database or a function of the application may be at fault, so that running the commit
 * once more in strict order explains it. Not where waiting helps, nor where the outcome is unknown, nor where ours is broken.
 */
export function isObjection(state: string | undefined): boolean {
  if (state === undefined || isOutcomeUnknown(state) || state.startsWith('PN5')) return false
  const code = codeOf(state)
  return code !== 'source_busy' && code !== 'source_unavailable' && code !== 'commit_too_large'
}

/** The SQLSTATE of an error, wherever its library put it; undefined when the database did not say one. */
export function sqlstateOf(error: unknown): string | undefined {
  const seen = new Set<unknown>()
  const waiting: unknown[] = [error]
  while (waiting.length > 0 && seen.size < 32) {
    const at = waiting.shift()
    if (typeof at !== 'object' || at === null || seen.has(at)) continue
    seen.add(at)
    const { originalCode, code, sqlState, cause, meta, driverAdapterError, originalError } = at as Record<
      string,
      unknown
    >
    for (const state of [originalCode, sqlState, code]) {
      if (
        typeof state === 'string' &&
        /^[0-9A-Z]{5}$/.test(state) &&
        !/^(P[1-9]\d{3}|E[A-Z]{4})$/.test(state)
      )
        return state
    }
    waiting.push(cause, meta, driverAdapterError, originalError)
  }
  return undefined
}

/** Codes of the operating system that say the statement never reached the database. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // of postgres.js and of Prisma, in the place of those
  'CONNECT_TIMEOUT',
  'DatabaseNotReachable',
])

/** Whether an error without a SQLSTATE came before anything was sent. Its text says nothing certain: only codes count. */
export function wasNeverSent(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth += 1) {
    const { code, kind, errors, cause, meta, driverAdapterError } = at as Record<string, unknown>
    if (neverSent.has(code as string) || neverSent.has(kind as string)) return true
    // Node tries several addresses and throws an AggregateError
    if (Array.isArray(errors) && errors.length > 0) return errors.every((inner) => wasNeverSent(inner))
    at = cause ?? meta ?? driverAdapterError
  }
  return false
}

/**
 * Whether the connection ended while the statement may have been under way: its outcome is not known. 57P03 is not
 * among them: a server that starts up or shuts down says it before it lets anyone in.
 */
export const isOutcomeUnknown = (state: string | undefined): boolean =>
  state === undefined || state.startsWith('08') || ['57P01', '57P02', '57P05', '25P03'].includes(state)

export const isSerialization = (state: string | undefined): boolean => state === '40001' || state === '40P01'

/** What `migrate` says when functions are missing; the code of an operator's mistake with the command that mends it. */
export const MIGRATE_HINT =
  'Run `npx postern migrate` (or `adapter.migrate()`) against this database with this schema.'

/** What an operator does about it, where the SQLSTATE says enough. */
const hints: Readonly<Record<string, string>> = {
  '42P01': MIGRATE_HINT,
  '42703': MIGRATE_HINT,
  '42883': MIGRATE_HINT,
  '3F000': MIGRATE_HINT,
  '42501': 'The role lacks a right; `npx postern grants <role>` prints what it needs.',
  '28000': 'The role may not log in.',
  '28P01': 'The password is wrong.',
  '3D000': 'There is no such database.',
}

/**
 * An error of a read or of setting up as the answer it becomes.
 *
 * @param reading in a query, a value that the database cannot read is the query's fault.
 */
export function toPosternError(error: unknown, reading: boolean): Error {
  if (error instanceof PosternError || error instanceof Rejection) return error
  const state = sqlstateOf(error)
  if (state === undefined) return new PosternError('source_unavailable', undefined, { cause: error })
  const code = codeOf(state)
  if (code === 'source_commit_invalid' && reading)
    return new PosternError('invalid_query', 'A value does not fit its field.', { cause: error })
  if (code === 'source_adapter_misconfigured') {
    const message = `The database refused the statement (SQLSTATE ${state}). ${hints[state] ?? ''}`.trim()
    return new PosternError(code, message, { cause: error })
  }
  return new PosternError(code, undefined, { cause: error })
}
