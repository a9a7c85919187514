import { PosternError } from '../../core/errors.ts'
import type { Field, Model } from '../../core/schema/define.ts'
import type { Kind } from '../../core/schema/kind.ts'
import type { BoundModel } from './bound-model.ts'
import { bind } from './bound-model.ts'
import type { Table } from './catalog.ts'
import { unsupported } from './column-values.ts'

/**
 * Types whose every value has one text: citext, char(n) and numeric take several for one row or tenant, and the log,
 * which compares texts, would be two. A non-deterministic collation makes the same of a text.
 */
export const keyTypes = ['text', 'varchar', 'uuid', 'int2', 'int4', 'int8']

const numbers = ['int2', 'int4', 'int8', 'numeric', 'float4', 'float8']
const times = ['timestamptz', 'timestamp']

/** The column types that can hold a kind without changing its values. A text may stand over nearly anything. */
const holders: Readonly<Record<Exclude<Kind, 'text' | 'array'>, readonly string[]>> = {
  integer: numbers,
  number: numbers,
  bigint: ['int2', 'int4', 'int8', 'numeric'],
  numeric: ['int2', 'int4', 'int8', 'numeric'],
  boolean: ['bool'],
  timestamp: times,
  date: ['date'],
  uuid: ['uuid', 'text', 'varchar'],
  bytes: ['bytea'],
  json: ['json', 'jsonb', '_json', '_jsonb'],
}

/**
 * Holds a model against its table, so that what does not fit is told at the migration and not by the first write.
 *
 * @throws PosternError `source_adapter_misconfigured` with model, field and column.
 */
export function bindTable(model: Model, table: Table | undefined): BoundModel {
  const refuse = (why: string): never => {
    throw new PosternError('source_adapter_misconfigured', `${model.name}: ${why}`)
  }
  if (table === undefined) {
    return refuse(`there is no table ${[model.table.schema, model.table.name].filter(Boolean).join('.')}`)
  }
  const bound = bind(model, { table: table.sql, columns: table.columns, triggers: table.triggers })
  const key = bound.key.column
  const written = model.mutable.size > 0
  if (written && !['r', 'p'].includes(table.kind)) {
    refuse(`${table.sql} is no table; make the model read only (mutable: false)`)
  }
  for (const [column, what] of [[key, 'primary key'] as const, [bound.tenant, 'tenant column'] as const]) {
    if (column === null) continue
    if (!keyTypes.includes(column.base)) {
      refuse(`a ${what} of type ${column.type} is not supported (${keyTypes.join(', ')})`)
    }
    if (table.loose.includes(column.name)) {
      refuse(`a ${what} under a non-deterministic collation (${column.name}) is not supported`)
    }
  }
  if (written && (table.primaryKey.length !== 1 || table.primaryKey[0] !== key.name)) {
    const actual = table.primaryKey.join(', ') || 'none'
    refuse(`${key.name} is not the primary key of ${table.sql} (that is: ${actual})`)
  }
  for (const { field, column } of bound.fields) {
    if (column.default?.includes('$postern$'))
      refuse(`the default of ${column.name} holds $postern$, which ends our functions`)
    if (unsupported(column)) {
      refuse(
        `${column.name} is of type ${column.type}, whose text goes by the session's time zone; leave the field out`,
      )
    }
    if (!holds(column.base, field)) {
      refuse(
        `field ${field.name} is of kind ${field.kind}, which column ${column.name} of type ${column.fullType} cannot hold`,
      )
    }
    if ((field.touch || field === model.archive) && !times.includes(column.base)) {
      refuse(
        `field ${field.name} is set to the time of a commit, which column ${column.name} of type ${column.fullType} cannot hold`,
      )
    }
  }
  return bound
}

function holds(base: string, { kind, element }: Pick<Field, 'kind' | 'element'>): boolean {
  if (kind === 'text') return base !== 'bool' && base !== 'json' && base !== 'jsonb' && !base.startsWith('_')
  if (kind !== 'array') return holders[kind].includes(base)
  if (base === 'json' || base === 'jsonb') return true
  return base.startsWith('_') && holds(base.slice(1), { kind: element ?? 'text' })
}
