import { statements } from '../sql/index.ts'
import { indexStatement, type Statement } from '../sql/statement.ts'

/**
 * Our tables, as numbered migrations: a number is written once and never changed; what comes later gets the next.
 * The functions are not part of them, see `sql/`: they are replaced by every migration run.
 */
export interface Migration {
  readonly version: number
  readonly title: string
  readonly statements: readonly Statement[]
  /** The index that it builds on a table in use: there it is built before, concurrently, see `migrate`. */
  readonly index?: string
}

export function migrations(s: string): readonly Migration[] {
  return [
    { version: 1, title: 'ledger, log, positions', statements: statements('tables', s) },
    { version: 2, title: 'relays and dead letters', statements: statements('relay-tables', s) },
    {
      version: 3,
      title: 'the feed of one tenant',
      index: 'log_tenant',
      // among ten million events of others, a page of a tenant that had a thousand took seconds. On an expression, for
      // on the bare column the planner takes it for stamps and staleness too, and reads all that the tenant ever did
      statements: [indexStatement('log_tenant', `on ${s}.log ((tenant || ''), position)`)],
    },
    {
      version: 4,
      title: 'attempts at dead letters, runs of relays',
      statements: statements('relay-tables-later', s),
    },
    { version: 5, title: 'when a schema digest was last used', statements: statements('model-use', s) },
    { version: 6, title: 'time limits of lists', statements: statements('time-limit', s) },
  ]
}
