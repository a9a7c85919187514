import { z } from 'zod'
import type { Kind } from './kind.ts'
import { kindRegistry } from './kind.ts'

const text = (kind: Kind) => z.string().register(kindRegistry, { kind })

/**
 * Field types for what JSON cannot say by itself. Each is an ordinary zod type, so `.optional()`, `.default()`
 * and refinements work; plain zod types (`z.string()`, `z.int()`, `z.boolean()`, `z.enum()`, `z.array()`,
 * objects) need no helper.
 *
 * @example
 * const invoices = model({ fields: { total: field.numeric(), views: field.bigint().default('0'), paidAt: field.timestamp().optional() }, mutable: true })
 */
export const field = {
  /** A 64-bit integer; travels as a string, because JSON numbers lose digits past 2^53. */
  bigint: () => text('bigint'),
  /** An exact decimal; travels as a string. */
  numeric: () => text('numeric'),
  /** A point in time; travels as RFC 3339 in UTC with microseconds. Accepts any offset. */
  timestamp: () => text('timestamp'),
  /** A calendar date, `YYYY-MM-DD`. */
  date: () => text('date'),
  /** A UUID; travels in lower case. */
  uuid: () => text('uuid'),
  /** Bytes; travel as base64. */
  bytes: () => text('bytes'),
  /** Any JSON value, or one of the given shape. `null` is SQL NULL where the column allows it. */
  json: <T extends z.ZodType = z.ZodUnknown>(shape?: T): T =>
    (shape ?? z.unknown()).clone().register(kindRegistry, { kind: 'json' }) as unknown as T,
  /** An array of one of the scalar kinds. */
  array: <T extends z.ZodType>(element: T) => z.array(element),
}
