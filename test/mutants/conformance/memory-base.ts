import { MemoryStore } from '../../../src/adapters/memory/store.ts'
import { conformanceSchema, type Probe } from '../../../src/conformance/index.ts'
import type { Adapter, Store, StoreTransaction } from '../../../src/core/adapter.ts'
import { storeAdapter } from '../../../src/core/rules/store-adapter.ts'
import type { Mutant } from './mutant.ts'

type Faulty<T> = (real: T, store: MemoryStore) => Partial<T>

export interface MemoryFault extends Omit<Mutant, 'in' | 'open'> {
  /** Replaces operations of a transaction. */
  readonly transaction?: Faulty<StoreTransaction>
  /** Replaces operations of the store. */
  readonly store?: Faulty<Store>
  /** Replaces what the endpoint calls. */
  readonly adapter?: Faulty<Adapter>
}

/** A mutant of the store in memory under the rules in TypeScript. */
export const memoryMutant = ({ transaction, store, adapter, ...fault }: MemoryFault): Mutant => ({
  ...fault,
  in: 'memory',
  open: async () => {
    // a clock that moves with every look, so that what happens twice happens at two times
    let ticks = Date.now()
    const memory = new MemoryStore(conformanceSchema, {
      now: () => new Date(++ticks),
      ledgerRetentionMs: 1e12,
      unique: { rules: ['code'] },
      references: { rules: { sharedId: 'shared' }, items: { sharedId: 'shared' } },
    })
    const withTransactions: Store = {
      transaction: (work) =>
        memory.transaction((tx) => work(transaction ? { ...tx, ...transaction(tx, memory) } : tx)),
      read: memory.read.bind(memory),
      query: memory.query.bind(memory),
      count: memory.count.bind(memory),
      log: memory.log.bind(memory),
      epoch: memory.epoch.bind(memory),
      retainedFrom: memory.retainedFrom.bind(memory),
      acknowledge: memory.acknowledge.bind(memory),
    }
    const faulty = store ? { ...withTransactions, ...store(withTransactions, memory) } : withTransactions
    const real = storeAdapter(conformanceSchema, faulty)
    return {
      options: {
        adapter: adapter ? { ...real, ...adapter(real, memory) } : real,
        probe: probeOf(memory),
      },
      close: async () => {},
    }
  },
})

function probeOf(memory: MemoryStore): Probe {
  return {
    row: async (name, id) => {
      const stored = memory.tables.get({ model: memory.tables.model(name), id })
      if (stored === undefined) return null
      const texts = Object.entries(stored.row).map(([field, value]) => [
        field,
        value === null ? null : String(value),
      ])
      return { ...Object.fromEntries(texts), organizationId: stored.tenant }
    },
    ledger: async (tenant) =>
      [...memory.ledger.values()].filter((row) => row.tenant === tenant).map(({ key }) => key),
    outbox: async (tenant) =>
      memory.changes.entries
        .filter((entry) => entry.tenant === tenant)
        .map(({ model, entityId, type }) => ({ model, entityId, type })),
    prune: async (through) => memory.changes.prune(through),
    constraints: ['unique', 'foreignKey'],
  }
}
