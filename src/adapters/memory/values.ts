import { Buffer } from 'node:buffer'
import { compareDecimal, compareText } from '../../core/rules/compare.ts'
import type { KindInfo } from '../../core/schema/kind.ts'

/** The order of two values of a kind, neither of them null, as Postgres has it under the collation "C". */
export function compareValues({ kind }: KindInfo, one: unknown, other: unknown): number {
  switch (kind) {
    case 'boolean':
    case 'integer':
    case 'number':
      return Number(one) - Number(other)
    case 'bigint':
    case 'numeric':
      return compareDecimal(one as string, other as string)
    case 'bytes':
      return Buffer.compare(Buffer.from(one as string, 'base64'), Buffer.from(other as string, 'base64'))
    case 'timestamp':
      // of one form, so texts of one length sort as times; past the year 9999 they are longer
      return (one as string).length - (other as string).length || compareText(one as string, other as string)
    default:
      return compareText(one as string, other as string)
  }
}

/** The value that an id stands for in its row: ids are texts, whole numbers travel as numbers. */
export const keyValue = (kind: KindInfo['kind'], id: string): unknown =>
  kind === 'integer' ? Number(id) : id
