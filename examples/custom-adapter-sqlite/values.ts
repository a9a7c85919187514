import { canonicalValue, type Field } from 'postern'

/** What a column of a STRICT table can hold. */
export type Stored = null | number | bigint | string | Uint8Array

/** Kinds by how they are kept: everything else is TEXT in its canonical form, which sorts as it compares. */
const isInteger = ({ kind }: Field): boolean => kind === 'integer' || kind === 'bigint' || kind === 'boolean'
const isJson = ({ kind }: Field): boolean => kind === 'json' || kind === 'array'

/** The type of the column that keeps a field. */
export function columnType(field: Field): 'integer' | 'real' | 'blob' | 'text' {
  if (isInteger(field)) return 'integer'
  if (field.kind === 'number') return 'real'
  return field.kind === 'bytes' ? 'blob' : 'text'
}

/** A value as it travels, for a statement's parameter. */
export function toStored(field: Field, value: unknown): Stored {
  const canonical = canonicalValue(field, value)
  if (canonical === null) return null
  if (field.kind === 'boolean') return canonical ? 1 : 0
  if (isInteger(field)) return BigInt(canonical as string | number)
  if (field.kind === 'bytes') return Buffer.from(canonical as string, 'base64')
  return isJson(field) ? JSON.stringify(canonical) : (canonical as string | number)
}

/** What a column gave, as it travels. */
export function fromStored(field: Field, stored: Stored): unknown {
  if (stored === null) return null
  if (field.kind === 'boolean') return stored === 1n
  if (field.kind === 'bigint') return String(stored)
  if (field.kind === 'integer') return Number(stored)
  if (field.kind === 'bytes') return Buffer.from(stored as Uint8Array).toString('base64')
  return isJson(field) ? JSON.parse(stored as string) : stored
}

/**
 * A text that sorts as the decimal does, of whatever length: sign, number of digits before the point, digits. SQLite
 * itself only knows doubles.
 */
export function decimalKey(text: string | null): string | null {
  if (text === null) return null
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  const digits = `${String(whole.length).padStart(4, '0')}${whole}.${fraction.replace(/0+$/, '')}`
  if (!text.startsWith('-')) return `1${digits}`
  // of two negative numbers the one with the larger digits comes first; ~ is above them all
  return `0${digits.replaceAll(/\d/g, (digit) => String(9 - Number(digit)))}~`
}
