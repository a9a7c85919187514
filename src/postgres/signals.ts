/**
 * What our functions, triggers and the application say to each other beside arguments: settings of the transaction,
 * keys of advisory locks, private SQLSTATEs. Nothing else spells them.
 */

/** Sixteen bits that tell our advisory locks from everybody else's, and two installations in one database apart. */
export function lockNamespace(schema: string): number {
  let hash = 7
  for (const char of schema) hash = (hash * 31 + char.charCodeAt(0)) & 0x7fff
  return hash || 1
}

/**
 * Keys of advisory locks, as SQL.
 *
 * - `commit`: (namespace, hash of idempotency key and tenant), until the transaction ends. Twins of one key wait for each
 *   other; two keys of one hash wait for each other in vain. Taken by `reserve`.
 * - `install`: (namespace, 0), until the transaction ends. One migration at a time. Taken by `migrate` and `uninstall`.
 * - `run`: (namespace, 1), while `open_run` jumps. One jump at a time.
 * - `registry`: one number, the namespace above 48 bits of a position, shared, until the transaction ends. Held by writers
 *   in flight (`register`), read by `horizon` and `blockers`: `ours` finds them in pg_locks, `registered` is the position.
 */
export const locks = {
  install: (schema: string): string => `${lockNamespace(schema)}, 0`,
  registry: (schema: string): { ours: string; registered: string } => ({
    ours: `l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint >> 16 = ${lockNamespace(schema)}
      and l.database = (select d.oid from pg_database d where d.datname = current_database())`,
    registered: `((l.classid::bigint & 65535) << 32) | l.objid::bigint`,
  }),
}

/**
 * Which run of which server gives positions for which log: its start, its timeline, the file of the log. Noted in
 * `run_seq` by `open_run`, compared by every writer once a transaction.
 */
export const run = (schema: string): string =>
  `hashint8extended((extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint,
    hashtextextended(left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_relation_filenode('${schema}.log')::bigint))`

/**
 * Settings of the transaction, by name behind our schema: who sets each, who reads it, until when.
 *
 * - `own`: set by a commit around its statements, read by the triggers' WHEN, emptied by the commit. The one row that it
 *   tells itself, as `rel:key`; `*` where it has several; empty for everybody else.
 * - `own_rows`: beside `*`: the rows as JSON texts, `,"<rel>:<key>"` each. Read by the capture functions: a comma before a
 *   quotation mark is in no JSON text, so that one row is found by looking for it, without reading all of them.
 * - `own_row`: beside `*`, while an operation is applied alone: its row, as `rel:key`. Looking through `own_rows` for each
 *   operation would make a commit cost the square of its operations.
 * - `registrant`, `registered`: set and read by `register`: the transaction that stands in the registry, and since which
 *   position. Until the transaction ends; another one's is told by its number.
 */
export const setting = (schema: string, name: 'own' | 'own_row' | 'own_rows'): string => `'${schema}.${name}'`

/** Private SQLSTATEs: who raises each, and what the caller is told. */
export const states = {
  /** Our functions: something of ours is not as it must be (the sequence, the server's role). The operator's fault. */
  broken: 'PN500',
  /** Our functions, under another isolation than READ COMMITTED. `readCommitted` answers it with a transaction that is. */
  isolation: 'PN501',
  /** Compiled functions: a policy of the application's refused the row. */
  forbidden: 'PN403',
  /** Compiled functions: the row is gone through an earlier operation of the commit. */
  missing: 'PN404',
  /** Compiled functions: a row that is referred to is not there for this tenant. */
  parent: 'PN405',
  /** Our functions: the answer has more bytes than the commit may be answered with. */
  tooLarge: 'PN413',
  /** Compiled functions: a trigger or rule of the application's kept the write from happening. */
  suppressed: 'PN409',
} as const
