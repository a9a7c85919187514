/** A row as the engine reads it: every column is cast to text in SQL, so no driver's parsing can differ. */
export type TextRow = Readonly<Record<string, string | null>>

/**
 * Runs one statement with positional parameters (`$1`, ...). Parameters are text or null and cast in the
 * statement. Driver errors pass through as they are: `sqlstate.ts` reads them.
 */
export interface PostgresSession {
  query(text: string, values: readonly (string | null)[]): Promise<readonly TextRow[]>
}

/** What a transaction of the engine asks of its connection. */
export interface TransactionOptions {
  /** Read committed whatever the database's default: several rules want a fresh snapshot for each statement. */
  readonly isolation?: 'read committed'
}

/**
 * The seam between the engine and a client library: "run this text with these parameters, give back rows", plus a
 * transaction. Everything else of the protocol is above it, so an adapter has nothing to get wrong but this.
 *
 * `Tx` is the library's own transaction handle; hooks receive it.
 */
export interface PostgresConnection<Tx = unknown> extends PostgresSession {
  /**
   * Runs `work` in one transaction on one connection: committed when it resolves, rolled back when it throws.
   * A connection that broke must not go back to the pool.
   */
  transaction<T>(
    work: (session: PostgresSession, tx: Tx) => Promise<T>,
    options?: TransactionOptions,
  ): Promise<T>
  /** A session on a transaction that the application opened by itself; for `recordChange`. */
  within?(tx: Tx): PostgresSession
}
