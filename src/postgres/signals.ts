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
 * Keys of advisory locks, as SQL. All hold until the transaction ends.
 *
 * - `commit`: (namespace, hash of tenant and idempotency key). Twins of one key wait for each other; two keys of one
 *   hash wait for each other in vain. Taken by `reserve`.
 * - `install`: (namespace, 0). One migration at a time. Taken by `migrate` and `uninstall`.
 * - `registry`: one number, the namespace above 48 bits of a position. Shared; held by writers in flight, read by
 *   `horizon` and `blockers`.
 */
export const locks = {
  install: (schema: string): string => `${lockNamespace(schema)}, 0`,
}

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
  /** Compiled functions: the parent is not there for this tenant. */
  parent: 'PN405',
  /** Compiled functions: a trigger or rule of the application's kept the write from happening. */
  suppressed: 'PN409',
} as const
