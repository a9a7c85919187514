import { PosternError } from '../core/errors.ts'
import type { PostgresSession, TextRow } from '../postgres/connection.ts'
import { keptTexts, type PrepareOptions } from './prepared.ts'

/** What every adapter over postgres.js needs beside the seam, whether it is called directly or by Drizzle. */

/** What is called of a postgres.js transaction. */
export interface PostgresJsTransaction {
  unsafe(
    text: string,
    values?: (string | null)[],
    options?: { prepare?: boolean },
  ): PromiseLike<unknown> & { raw(): PromiseLike<unknown> }
}

/** The client's own name of a column, where its `transform` changes them. */
type Rename = ((name: string) => string) | undefined

/** @throws TypeError for a transform that changes whole rows: it is called with the row alone, and cannot be told of ours. */
export function readTransform(sql: object): Rename {
  const { options } = sql as {
    options?: { transform?: { column?: { from?: Rename }; row?: { from?: unknown } } }
  }
  if (options?.transform?.row?.from !== undefined) {
    throw new TypeError(
      'transform.row of this postgres.js client changes every row; give the adapter a client without it (transform.column and transform.value may stay)',
    )
  }
  return options?.transform?.column?.from
}

/** Sessions on a client and on its transactions. */
export interface PostgresJsSessions {
  alone(sql: PostgresJsTransaction): PostgresSession
  within(tx: PostgresJsTransaction): PostgresSession
}

/**
 * Single statements are prepared, because postgres.js needs a second round trip for one with parameters that is not. Those
 * of a transaction are not: behind a pooler that forgets them, a statement that is not found ends the transaction.
 */
export function postgresJsSessions(rename: Rename, prepare?: PrepareOptions['prepare']): PostgresJsSessions {
  const isKept = keptTexts(prepare)
  const session =
    (isPrepared: (text: string) => boolean) =>
    (sql: PostgresJsTransaction): PostgresSession => ({
      async query(text, values) {
        // rows as bytes: parsers and a transform of values stay out
        const query = sql.unsafe(text, [...values], { prepare: values.length > 0 && isPrepared(text) })
        const rows = (await query.raw()) as RawRows
        const names = rows.columns?.map(({ name }) => name) ?? []
        return Array.from(rows, (row) => textRow(row, names, rename))
      },
    })
  return { alone: session(isKept), within: session(() => false) }
}

interface RawRows extends ArrayLike<readonly (Uint8Array | null)[]> {
  readonly columns?: readonly { readonly name: string }[]
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function textRow(row: readonly (Uint8Array | null)[], names: readonly string[], rename: Rename): TextRow {
  const texts = row.map((bytes) => (bytes === null ? null : utf8.decode(bytes)))
  const own = Object.fromEntries(names.map((name, index) => [name, texts[index] ?? null]))
  if (rename === undefined) return own
  // a renamed column cannot be named back, but the name that is asked for can be renamed too
  return new Proxy(own, {
    get: (_, name) => (typeof name === 'string' ? own[rename(name)] : undefined),
  })
}

/**
 * Ends the transaction by a COMMIT of our own, whose answer can be seen. That of `begin()` is a named statement: behind a
 * pooler that forgets names it fails, which ends the transaction, is sent again by postgres.js, is answered with ROLLBACK and
 * taken for success (3.4). What it commits now is empty.
 *
 * @throws PosternError `internal_error` when the database rolled back
 */
export async function committed<T>(tx: PostgresJsTransaction, work: Promise<T>): Promise<T> {
  const result = await work
  const { command } = (await tx.unsafe('commit and chain')) as { command?: string }
  if (command !== 'COMMIT') throw new PosternError('internal_error', 'The transaction was rolled back.')
  return result
}

/** A transaction's connection, as far as it may be used. */
export interface Line {
  /** The transaction without a way to use it once it is over. */
  guarded<Tx extends object>(tx: Tx): Tx
  /** Passes the outcome of the transaction's work on, or holds it back. */
  hold<T>(work: Promise<T>): Promise<T>
}

/**
 * Runs a transaction on a connection that may be lost meanwhile. Two things of postgres.js end the process then, or
 * worse (porsager/postgres#1154):
 * - It ends the work with a COMMIT or a ROLLBACK into a socket that is no more. So the outcome is held back: its own
 *   notice of the closed connection rejects the transaction instead.
 * - What is still sent through the transaction goes into the same socket, or, once that is connected anew, runs outside
 *   of any transaction. So nothing is sent any more.
 */
export async function survivingTransaction<T>(begin: (line: Line) => Promise<T>): Promise<T> {
  let over = false
  const stillThere = (): void => {
    if (over) throw new Error('The transaction is over: its connection was lost.')
  }
  const guarded = <Tx extends object>(tx: Tx): Tx =>
    new Proxy(tx, {
      apply(target, self, values) {
        stillThere()
        return Reflect.apply(target as () => unknown, self, values)
      },
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function' || !senders.has(name)) return member
        return (...values: unknown[]) => {
          stillThere()
          return Reflect.apply(member, target, values)
        }
      },
    })
  const hold = async <R>(work: Promise<R>): Promise<R> => {
    try {
      return await work
    } catch (error) {
      // where nothing comes, the connection is still there: a proxy keeps its side open, and takes the ROLLBACK
      if (isBroken(error)) await new Promise((resolve) => setTimeout(resolve, NOTICE_MS).unref())
      throw error
    } finally {
      if (over) await new Promise(() => {})
    }
  }
  try {
    return await begin({ guarded, hold })
  } finally {
    over = true
  }
}

/** Members of a transaction that send a statement. */
const senders = new Set<string | symbol>(['unsafe', 'file', 'savepoint', 'notify'])

/** Longest wait for the notice that a connection was closed. */
const NOTICE_MS = 5000

function isBroken(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth += 1) {
    const { severity, code, cause } = at as { severity?: unknown; code?: unknown; cause?: unknown }
    if (severity === 'FATAL' || /^(CONNECTION_|ECONNRESET|EPIPE)/.test(String(code))) return true
    at = cause
  }
  return false
}
