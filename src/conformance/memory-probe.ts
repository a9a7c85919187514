import type { MemoryAdapter } from '../adapters/memory/index.ts'
import type { Probe } from './probe.ts'
import { conformanceSchema } from './schema.ts'

/** Readers and writers of a `memoryAdapter`, past its adapter. */
export function memoryProbe(source: MemoryAdapter): Probe {
  const store = source.inspect()
  return {
    async row(model, id) {
      const found = (await store.rows(model)).find((row) => row.id === id)
      if (found === undefined) return null
      // the store keeps it beside the row, where only the log shows it
      const tenant = (await store.log()).findLast(
        (entry) => entry.model === model && entry.entityId === id,
      )?.tenant
      const texts = Object.entries(found).map(([name, value]) => [name, textOf(value)])
      return { ...Object.fromEntries(texts), organizationId: tenant ?? null }
    },
    ledger: async (tenant) =>
      (await store.ledger()).filter((entry) => entry.tenant === tenant).map(({ key }) => key),
    outbox: async (tenant) =>
      (await store.log())
        .filter((entry) => entry.tenant === tenant)
        .map(({ model, entityId, type }) => ({ model, entityId, type })),
    write: (model, { organizationId, ...row }) => {
      const declared = conformanceSchema.models.get(model)?.fields.has('organizationId')
      return source.write(model, {
        ...row,
        [declared ? 'organizationId' : 'organization_id']: organizationId,
      })
    },
    capture: true,
    prune: (through) => source.prune({ through }),
    constraints: ['unique', 'foreignKey'],
  }
}

const textOf = (value: unknown): string | null =>
  value === null ? null : typeof value === 'string' ? value : JSON.stringify(value)
