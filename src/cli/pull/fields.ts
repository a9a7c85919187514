import { type Column, isMade } from '../../postgres/model/catalog.ts'
import { typeOf, unsupported } from '../../postgres/model/column-values.ts'
import type { PulledTable } from './catalogue.ts'
import { quoted } from './names.ts'
import { isSecretColumn } from './secrets.ts'

/** Why a column had better not be a field, or undefined. */
export function unfit(column: Column, table: Pick<PulledTable, 'references'>): string | undefined {
  if (unsupported(column)) return `its text depends on the session's time zone (${column.type})`
  if (isSecretColumn(column, table)) return 'looks like a secret'
  return undefined
}

/** The zod type of a column, with its null and its default. */
export function fieldText(column: Column, labels: readonly string[] | undefined): string {
  const type = typeText(column, labels)
  const nullable = column.notNull ? '' : '.nullable()'
  const value = isMade(column) ? undefined : literalDefault(column, labels)
  if (value !== undefined) return `${type}${nullable}.default(${value})`
  if (column.notNull && column.default === null && !isMade(column)) return type
  return `${type}${nullable}.optional()`
}

function typeText(column: Column, labels: readonly string[] | undefined): string {
  const { base, fullType, isEnum, isArray, dimensions } = column
  const length = base === 'varchar' && !isArray ? /\((\d+)\)$/.exec(fullType)?.[1] : undefined
  const scalar =
    isEnum && labels !== undefined
      ? `z.enum([${labels.map(quoted).join(', ')}])`
      : length === undefined
        ? typeOf(column).declare
        : `z.string().max(${length})`
  if (!isArray) return scalar
  // a member of an array may be NULL, whatever the column says
  const member = scalar === 'field.json()' ? scalar : `${scalar}.nullable()`
  return `${'z.array('.repeat(dimensions)}${member}${')'.repeat(dimensions)}`
}

/** A default that is a plain value, as TypeScript. What the database computes stays with the database. */
function literalDefault(
  { base, isArray, default: sql }: Column,
  labels: readonly string[] | undefined,
): string | undefined {
  if (sql === null || isArray) return undefined
  if (base === 'bool') return /^(true|false)$/.exec(sql)?.[1]
  const number = /^'?(-?\d+(?:\.\d+)?)'?(?:::[\w "]+)?$/.exec(sql.replace(/^\((-?[\d.]+)\)/, '$1'))?.[1]
  if (['int2', 'int4', 'float4', 'float8'].includes(base))
    return number === undefined ? undefined : String(Number(number))
  if (['int8', 'numeric'].includes(base)) return number === undefined ? undefined : quoted(number)
  const text = /^'((?:[^']|'')*)'::[\w ".()]+$/.exec(sql)?.[1]?.replaceAll("''", "'")
  if (text === undefined) return undefined
  if (labels !== undefined) return labels.includes(text) ? quoted(text) : undefined
  return ['text', 'varchar'].includes(base) ? quoted(text) : undefined
}
