import { states } from './signals.ts'
import { sqlstateOf } from './sqlstate.ts'

/** A row as the engine reads it: every column is cast to text in SQL, so no driver's parsing can differ. */
export type TextRow = Readonly<Record<string, string | null>>

/**
 * Runs one statement with positional parameters (`$1`, ...). Parameters are text or null and cast in the
 * statement. Driver errors pass through as they are: `sqlstate.ts` reads them.
 */
export interface PostgresSession {
  query(text: string, values: readonly (string | null)[]): Promise<readonly TextRow[]>
}

/**
 * The seam between the engine and a client library: "run this text with these parameters, give back rows", plus a
 * transaction. Everything else of the protocol is above it, so an adapter has nothing to get wrong but this.
 *
 * `Tx` is the library's own transaction handle; hooks receive it.
 */
export interface PostgresConnection<Tx = unknown> extends PostgresSession {
  /**
   * @param signal aborted when nobody waits for the outcome any more: a connection that answers nothing is then to be
   * given up. Libraries that cannot do that ignore it.
   */
  query(text: string, values: readonly (string | null)[], signal?: AbortSignal): Promise<readonly TextRow[]>
  /**
   * Runs `work` in one transaction on one connection, under READ COMMITTED whatever the database's default: committed
   * when it resolves, rolled back when it throws. A connection that broke must not go back to the pool.
   */
  transaction<T>(work: (session: PostgresSession, tx: Tx) => Promise<T>, signal?: AbortSignal): Promise<T>
  /**
   * A session on a transaction that the application opened by itself.
   *
   * @throws TypeError when `tx` is the client or the pool itself: what runs there would not stand or fall with it.
   */
  within?(tx: Tx): PostgresSession
}

/** Connections whose database has another default isolation: each statement then needs a transaction. */
const otherwise = new WeakSet<PostgresConnection>()
const asked = new WeakSet<PostgresConnection>()

/** Whether statements outside a transaction run under another isolation. */
async function ask(connection: PostgresConnection): Promise<boolean> {
  const [row] = await connection.query(`select current_setting('default_transaction_isolation') as level`, [])
  if (row?.level !== 'read committed') otherwise.add(connection)
  asked.add(connection)
  return otherwise.has(connection)
}

/**
 * Statements under READ COMMITTED, one round trip each where that is the default. Several rules want a fresh snapshot
 * for each statement; our functions refuse another isolation, and the refusal is answered here.
 *
 * @param first for statements that call none of those functions: the default is asked for before the first.
 */
export function readCommitted(connection: PostgresConnection, first = false): PostgresSession {
  return {
    async query(text, values) {
      const within = () => connection.transaction((session) => session.query(text, values))
      if (first && !asked.has(connection)) await ask(connection)
      if (otherwise.has(connection)) return within()
      return connection.query(text, values).catch(async (error: unknown) => {
        if (sqlstateOf(error) !== states.isolation) throw error
        // in a transaction of the application's that has another isolation, nothing can be done, and nothing be asked
        if (!(await ask(connection).catch(() => false))) throw error
        return within()
      })
    },
  }
}
