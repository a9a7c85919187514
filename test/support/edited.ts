import type { PostgresConnection, PostgresSession } from '../../src/postgres/connection.ts'

/** The same connection, with every statement passed through `edit` on its way. */
export function edited<Tx>(
  connection: PostgresConnection<Tx>,
  edit: (statement: string) => string,
): PostgresConnection<Tx> {
  const wrap = (session: PostgresSession): PostgresSession => ({
    query: (text, values) => session.query(edit(text), withEdits(text, values, edit)),
  })
  return {
    ...wrap(connection),
    transaction: (work) => connection.transaction((session, tx) => work(wrap(session), tx)),
  }
}

/** The values of a call. Those of `page` in lists.sql have statements among them, which the database runs. */
const withEdits = (
  text: string,
  values: readonly (string | null)[],
  edit: (statement: string) => string,
): (string | null)[] =>
  values.map((value, place) =>
    text.includes('.page($1') && (place === 1 || place === 3) && value !== null ? edit(value) : value,
  )
