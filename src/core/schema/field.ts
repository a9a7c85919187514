import { z } from 'zod'
import { type $ZodType, clone } from 'zod/v4/core'
import type { Kind } from './kind.ts'
import { kindRegistry } from './kind.ts'
import {
  isStandardSchema,
  type StandardInput,
  type StandardOutput,
  type StandardSchema,
  validatedBy,
} from './standard.ts'

/** A field of one kind: as it is, or with a validator of any library that follows Standard Schema. */
interface KindField<Plain extends z.ZodType> {
  (): Plain
  <V extends StandardSchema>(validator: V): z.ZodType<StandardOutput<V>, StandardInput<V>>
}

function ofKind<Plain extends z.ZodType>(kind: Kind, plain: () => Plain): KindField<Plain> {
  const make = (validator?: StandardSchema): z.ZodType => {
    const type = plain()
    kindRegistry.add(type, { kind })
    return validator === undefined ? type : validatedBy(type, validator)
  }
  return make as KindField<Plain>
}

interface JsonField {
  <T extends $ZodType = z.ZodUnknown>(shape?: T): T
  <V extends StandardSchema>(validator: V): z.ZodType<StandardOutput<V>, StandardInput<V>>
}

function json(shape?: $ZodType | StandardSchema): $ZodType {
  const isZod = shape !== undefined && '_zod' in shape
  // a copy: the application may use the same shape for something that is no column
  const type = isZod ? clone(shape) : z.unknown()
  kindRegistry.add(type, { kind: 'json' })
  return !isZod && isStandardSchema(shape) ? validatedBy(type as z.ZodType, shape) : type
}

/**
 * Field types that say their kind, for what JSON cannot say by itself and for validators of other libraries. Each is an
 * ordinary zod type, so `.optional()`, `.default()` and refinements work; plain zod types (`z.string()`, `z.int()`,
 * `z.boolean()`, `z.enum()`, `z.array()`, objects) need no helper.
 *
 * Each takes a validator that follows Standard Schema: a value must be of the kind and pass it, and what it gives is
 * stored. It must be synchronous.
 *
 * @example
 * const invoices = model({
 *   fields: {
 *     total: field.numeric(),
 *     views: field.bigint().default('0'),
 *     paidAt: field.timestamp().optional(),
 *     email: field.text(z.email()),
 *   },
 *   mutable: true,
 * })
 */
export const field = {
  /** A text. */
  text: ofKind('text', () => z.string()),
  /** A whole number that JavaScript holds exactly. */
  integer: ofKind('integer', () => z.int()),
  /** A floating-point number. */
  number: ofKind('number', () => z.number()),
  /** True or false. */
  boolean: ofKind('boolean', () => z.boolean()),
  /** A 64-bit integer; travels as a string, because JSON numbers lose digits past 2^53. */
  bigint: ofKind('bigint', () => z.string()),
  /** An exact decimal; travels as a string. */
  numeric: ofKind('numeric', () => z.string()),
  /** A point in time; travels as RFC 3339 in UTC with microseconds. Accepts any offset. */
  timestamp: ofKind('timestamp', () => z.string()),
  /** A calendar date, `YYYY-MM-DD`. */
  date: ofKind('date', () => z.string()),
  /** A UUID; travels in lower case. */
  uuid: ofKind('uuid', () => z.string()),
  /** Bytes; travel as base64. */
  bytes: ofKind('bytes', () => z.string()),
  /** Any JSON value, or one of the given shape. `null` is SQL NULL where the column allows it. */
  json: json as JsonField,
  /** An array of one of the scalar kinds. */
  array: <T extends $ZodType>(element: T) => z.array(element),
}
