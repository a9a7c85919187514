/** A transaction of somebody else's, straight in the store. */
export interface Stranger {
  /** Locks a row as a writer would; resolves when the lock is held. */
  lock(model: string, id: string): Promise<void>
  /** Sets fields of an existing row, not yet committed. */
  write(model: string, id: string, fields: Readonly<Record<string, string>>): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** A place in a commit of model `gated` at which the store can make it wait. */
export interface PausePoint {
  /** For the report: `row locked`, `event not written`, `not committed`. */
  readonly name: string
  /** True where a commit that waits here has taken its positions and only its end is missing. */
  readonly last: boolean
  /** From now on commits that touch the row wait there, until the returned function lets them go on. */
  hold(id: string): Promise<() => Promise<void>>
}

/** A kind of constraint that a probe can break on purpose. */
export type Constraint = 'unique' | 'foreignKey' | 'notNull' | 'check' | 'exclusion'

/**
 * The caller's own readers and writers of the store, past the adapter, so that no adapter can vouch for itself.
 * Give what you can: checks that need more are skipped, and the report says so.
 *
 * Fields go by their names in the schema, the tenant's as `organizationId`.
 */
export interface Probe {
  /**
   * A row as it is stored, or null. Each value as text: texts as they are, numbers in plain decimal notation; other
   * kinds as the store prints them (only whether they are null is looked at).
   */
  row?(model: string, id: string): Promise<Readonly<Record<string, string | null>> | null>
  /** The idempotency keys that the ledger holds for a tenant. */
  ledger?(tenant: string): Promise<readonly string[]>
  /** The events that the log holds for a tenant's own rows, in log order. */
  outbox?(tenant: string): Promise<readonly { model: string; entityId: string; type: string }[]>
  /** Puts a row into the store as an application would that has never heard of the endpoint. */
  write?(model: string, row: Readonly<Record<string, unknown>>): Promise<void>
  /** True when such writes to the model `watched` appear in the log by themselves. */
  readonly capture?: boolean
  /** Makes a ledger entry older than the ledger's retention. */
  expire?(tenant: string, key: string): Promise<void>
  /** Forgets events up to a position that later changes of the same rows superseded, as retention does. */
  prune?(through: number): Promise<void>
  /** Opens a transaction of its own. */
  stranger?(): Promise<Stranger>
  /** Places at which commits of the model `gated` can be held. */
  points?(): Promise<readonly PausePoint[]>
  /** Which constraints the store holds on the model `rules`. */
  readonly constraints?: readonly Constraint[]
  /** Ends connections of its own; for whoever runs the checks, who calls it at the end. */
  close?(): Promise<void>
}

type Ability = Exclude<keyof Probe, 'constraints' | 'close'>

/** Something of the store that a check cannot do without. */
export type Need = Ability | `constraint:${Constraint}`

const purposes: Record<Ability, string> = {
  row: 'reads a row past the adapter',
  ledger: 'reads the ledger past the adapter',
  outbox: 'reads the log past the adapter',
  write: 'writes a row past the adapter',
  capture: 'such writes appear in the log',
  expire: 'ages a ledger entry',
  prune: 'prunes the log',
  stranger: 'opens a transaction beside the adapter',
  points: 'holds a commit at a chosen place',
}

/** Why a check cannot run with this probe, or null when it can. */
export function lacking(probe: Probe, needs: readonly Need[]): string | null {
  for (const need of needs) {
    if (need.startsWith('constraint:')) {
      const constraint = need.slice('constraint:'.length) as Constraint
      if (!probe.constraints?.includes(constraint)) {
        return `needs probe.constraints to name '${constraint}': the store has no such constraint on \`rules\``
      }
    } else {
      const name = need as Ability
      if (!probe[name]) return `needs probe.${name} (${purposes[name]})`
    }
  }
  return null
}
