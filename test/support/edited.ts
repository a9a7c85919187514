import type { PgClient } from '../../src/adapters/pg.ts'
import type { PostgresConnection, PostgresSession } from '../../src/postgres/connection.ts'

/** The same connection, with every statement passed through `edit` on its way. */
export function edited(
  connection: PostgresConnection<PgClient>,
  edit: (statement: string) => string,
): PostgresConnection<PgClient> {
  const wrap = (session: PostgresSession): PostgresSession => ({
    query: (text, values) => session.query(edit(text), values),
  })
  return {
    ...wrap(connection),
    transaction: (work) => connection.transaction((session, tx) => work(wrap(session), tx)),
  }
}
