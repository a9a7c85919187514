import type { DatabaseSync } from 'node:sqlite'
import { conformanceSchema, type Probe } from 'postern/conformance'

const MONTH_AND_A_DAY_MS = 31 * 24 * 60 * 60 * 1000

/**
 * Readers and writers of the file, on connections of their own. Nothing of the adapter is used here: it must not vouch
 * for itself.
 */
export function sqliteProbe(open: () => DatabaseSync): Probe {
  const db = open()
  db.exec('pragma busy_timeout = 5000')
  const table = (model: string): string => `conformance_${model}`
  const columnOf = (model: string, field: string): string =>
    field === 'organizationId'
      ? 'organization_id'
      : (conformanceSchema.models.get(model)?.fields.get(field)?.column ?? field)
  return {
    row: async (model, id) => {
      const statement = db.prepare(`select * from ${table(model)} where id = ?`)
      statement.setReadBigInts(true)
      const found = statement.get(id)
      if (found === undefined) return null
      const fields = [...(conformanceSchema.models.get(model)?.fields.keys() ?? []), 'organizationId']
      const texts = fields.map((field) => {
        const value = found[columnOf(model, field)] ?? null
        return [field, value === null ? null : String(value)]
      })
      return Object.fromEntries(texts)
    },
    ledger: async (tenant) =>
      db
        .prepare('select key from postern_ledger where tenant = ? order by at')
        .all(tenant)
        .map(({ key }) => String(key)),
    outbox: async (tenant) => {
      const text = `select model, entity_id, entry ->> 'type' as type from postern_log where tenant = ? order by position`
      return db
        .prepare(text)
        .all(tenant)
        .map(({ model, entity_id, type }) => ({
          model: String(model),
          entityId: String(entity_id),
          type: String(type),
        }))
    },
    write: async (model, row) => {
      const columns = Object.keys(row).map((field) => `"${columnOf(model, field)}"`)
      const values = Object.values(row).map((value) =>
        typeof value === 'boolean'
          ? Number(value)
          : Array.isArray(value)
            ? JSON.stringify(value)
            : (value as string | number),
      )
      const marks = values.map(() => '?').join(', ')
      db.prepare(`insert into ${table(model)} (${columns.join(', ')}) values (${marks})`).run(...values)
    },
    expire: async (tenant, key) => {
      const text = 'update postern_ledger set at = at - ? where tenant = ? and key = ?'
      db.prepare(text).run(MONTH_AND_A_DAY_MS, tenant, key)
    },
    prune: async (through) => {
      db.exec('begin immediate')
      db.prepare(`delete from postern_log as old where position <= ? and exists (
        select 1 from postern_log as new where new.model = old.model and new.entity_id = old.entity_id
          and new.tenant is old.tenant and new.position > old.position)`).run(through)
      db.prepare('update postern_meta set pruned_through = max(pruned_through, ?)').run(through)
      db.exec('commit')
    },
    stranger: async () => {
      // its first lock is the lock of the whole file
      const own = open()
      const end = async (statement: string): Promise<void> => {
        own.exec(statement)
        own.close()
      }
      own.exec('begin immediate')
      return {
        lock: async () => {},
        write: async (model, id, fields) => {
          const set = Object.keys(fields).map((field) => `"${columnOf(model, field)}" = ?`)
          own
            .prepare(`update ${table(model)} set ${set.join(', ')} where id = ?`)
            .run(...Object.values(fields), id)
        },
        commit: () => end('commit'),
        rollback: () => end('rollback'),
      }
    },
    constraints: ['unique', 'foreignKey', 'notNull', 'check'],
    close: async () => db.close(),
  }
}
