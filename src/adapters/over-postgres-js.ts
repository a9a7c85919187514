/** What every adapter over postgres.js needs beside the seam, whether it is called directly or by Drizzle. */

/** Prepared statements that one connection may come to hold because of us. */
const KEPT = 100

/**
 * Says which texts to prepare. A statement with parameters that is not prepared costs postgres.js a second round
 * trip. Commits need a few texts only; those of lists are without number, and a connection never forgets one.
 */
export function keptStatements(): (text: string) => boolean {
  const kept = new Set<string>()
  return (text) => {
    if (kept.size < KEPT) kept.add(text)
    return kept.has(text)
  }
}

/** Passes a transaction's work on, or holds its failure back; see `survivingTransaction`. */
export type Guard = <T>(work: Promise<T>) => Promise<T>

/**
 * Runs a transaction that holds its work's failure back when the connection is gone. postgres.js would answer it with
 * a ROLLBACK into a socket that is no more, which throws where nobody can catch it and ends the process
 * (porsager/postgres#1154). Its own notice of the closed connection rejects the transaction instead.
 */
export async function survivingTransaction<T>(begin: (guard: Guard) => Promise<T>): Promise<T> {
  let over = false
  const guard: Guard = async (work) => {
    try {
      return await work
    } catch (error) {
      if (isBroken(error)) {
        await new Promise((resolve) => setTimeout(resolve, NOTICE_MS).unref())
        if (over) await new Promise(() => {})
      }
      // still there: a proxy keeps its side open, and takes the ROLLBACK
      throw error
    }
  }
  try {
    return await begin(guard)
  } finally {
    over = true
  }
}

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
