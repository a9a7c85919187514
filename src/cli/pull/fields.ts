import { type Column, isMade } from '../../postgres/model/catalog.ts'
import { unsupported } from '../../postgres/model/column-values.ts'
import { quoted } from './names.ts'

const types: Readonly<Record<string, string>> = {
  int2: 'z.int32()',
  int4: 'z.int32()',
  int8: 'field.bigint()',
  numeric: 'field.numeric()',
  float4: 'z.number()',
  float8: 'z.number()',
  bool: 'z.boolean()',
  uuid: 'field.uuid()',
  date: 'field.date()',
  timestamptz: 'field.timestamp()',
  timestamp: 'field.timestamp()',
  bytea: 'field.bytes()',
  json: 'field.json()',
  jsonb: 'field.json()',
}

/** Names of columns that hardly anybody wants to show to a caller. */
const secret =
  /(^|_)(password|passwd|passphrase|secret|token|salt|hash|digest|api_?key|private_?key|otp|totp)(_|$)/i

/** Why a column had better not be a field, or undefined. */
export function unfit(column: Column): string | undefined {
  if (unsupported(column)) return `of type ${column.type}, whose text goes by the session's time zone`
  if (secret.test(column.name.replace(/([a-z])([A-Z])/g, '$1_$2'))) return 'looks like a secret'
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
  const { base, fullType, isEnum } = column
  const isArray = base.startsWith('_')
  const element = isArray ? base.slice(1) : base
  const length = /^(?:character varying|varchar)\((\d+)\)$/.exec(fullType.replace(/^pg_catalog\./, ''))?.[1]
  const scalar =
    isEnum && labels !== undefined
      ? `z.enum([${labels.map(quoted).join(', ')}])`
      : ((Object.hasOwn(types, element) ? types[element] : undefined) ??
        (length === undefined || isArray ? 'z.string()' : `z.string().max(${length})`))
  return isArray ? `z.array(${scalar})` : scalar
}

/** A default that is a plain value, as TypeScript. What the database computes stays with the database. */
function literalDefault(
  { base, default: sql }: Column,
  labels: readonly string[] | undefined,
): string | undefined {
  if (sql === null || base.startsWith('_')) return undefined
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
