import type { DatabaseSync } from 'node:sqlite'
import { type Adapter, type Schema, type Store, storeAdapter } from 'postern'
import { Log } from './log.ts'
import { countRows, queryRows } from './query.ts'
import { readRow } from './rows.ts'
import { SqliteTransaction } from './transaction.ts'
import { Writer } from './writer.ts'

export interface SqliteOptions {
  /** How long an idempotency key replays, in milliseconds. Default 30 days. */
  readonly ledgerRetentionMs?: number
  /** Longest wait for another process that writes, in milliseconds. Default 5,000; the answer is then `source_busy`. */
  readonly lockTimeoutMs?: number
}

const THIRTY_DAYS_MS = 30 * 24 * 60 * 60 * 1000

/**
 * A data source on a SQLite file. The rules of a commit are `storeAdapter`'s; this brings what they run on: one writer
 * at a time, a ledger and a log beside the application's tables, and readers that never wait.
 *
 * @param open opens the file; called twice, for the writer and for the readers. They must be two connections: a reader
 *   on the writer's own would see what is not committed.
 * @example
 * const source = sqliteDataSource(() => new DatabaseSync('app.db'), schema)
 */
export function sqliteDataSource(
  open: () => DatabaseSync,
  schema: Schema,
  options: SqliteOptions = {},
): Adapter & { close(): void } {
  const { ledgerRetentionMs = THIRTY_DAYS_MS, lockTimeoutMs = 5_000 } = options
  const writer = new Writer(prepared(open()), lockTimeoutMs)
  const readers = prepared(open())
  const log = new Log(readers)

  /** One snapshot for several statements. Synchronous, so that nobody else comes between them. */
  const snapshot = <T>(read: () => T): T => {
    readers.exec('begin')
    try {
      return read()
    } finally {
      readers.exec('commit')
    }
  }

  const store: Store = {
    transaction: (work) =>
      writer.transaction((db) => work(new SqliteTransaction(db, schema, Date.now() - ledgerRetentionMs))),
    read: async (tenant, target) =>
      snapshot(() => ({
        row: readRow(readers, schema, tenant, target),
        stamp: log.stamp(tenant, target),
      })),
    query: async (request) =>
      snapshot(() => {
        const rows = queryRows(readers, schema, request)
        const { model, tenant } = request
        const stamps = rows.map((row) => log.stamp(tenant, { model, id: String(row[model.primaryKey.name]) }))
        return { rows, stamps, stamp: log.lastPosition() }
      }),
    count: async (request) => snapshot(() => countRows(readers, schema, request)),
    log: async (tenant, position, limit) => snapshot(() => log.page(tenant, position, limit)),
    epoch: async () => log.epoch(),
    retainedFrom: async () => log.prunedThrough(),
  }
  return {
    ...storeAdapter(schema, store),
    close: () => {
      writer.close()
      readers.close()
    },
  }
}

/** Our own tables, and what makes SQLite strict. */
function prepared(db: DatabaseSync): DatabaseSync {
  db.exec(`
    pragma journal_mode = wal;
    pragma foreign_keys = on;
    create table if not exists postern_meta (epoch text not null, pruned_through integer not null);
    insert into postern_meta select lower(hex(randomblob(8))), 0 where not exists (select 1 from postern_meta);
    create table if not exists postern_ledger (
      tenant text not null, key text not null, intent text not null, intent_hash text, body text not null,
      at integer not null, primary key (tenant, key)
    ) strict;
    -- autoincrement: a position that was given once is never given again
    create table if not exists postern_log (
      position integer primary key autoincrement, tenant text, model text not null, entity_id text not null,
      entry text not null
    ) strict;
    create index if not exists postern_log_entity on postern_log (model, entity_id, position);
  `)
  return db
}
