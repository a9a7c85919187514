import { createHash } from 'node:crypto'
import { PosternError } from '../errors.ts'
import type { Field, Model } from '../schema/define.ts'
import { canonicalKey } from '../schema/key.ts'
import { refusal } from '../schema/kind.ts'

/**
 * Opaque cursors. Each carries the hash of what it was issued for, so that one tenant's or one query's cursor is
 * refused elsewhere: keyset positions of another query would silently skip rows. The hash is no secret and need
 * be none; a cursor never widens what a caller may read, tenant and conditions come from the request itself.
 */

/** Hash of everything that a cursor is bound to. */
export function cursorBinding(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16)
}

const seal = (parts: readonly unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url')

function open(cursor: unknown, kind: string, length: number): unknown[] {
  if (typeof cursor === 'string' && cursor.length <= 65_536 && /^[A-Za-z0-9_-]+$/.test(cursor)) {
    try {
      const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
      if (Array.isArray(parts) && parts.length === length && parts[0] === kind && seal(parts) === cursor)
        return parts
    } catch {
      // not JSON: not ours
    }
  }
  throw new PosternError('cursor_invalid')
}

/** Characters of a value that a cursor carries itself; of a longer one it has the hash, and names the row. */
const MAX_VALUE = 1_024

/** Stands in a cursor for a value that would make it too long to come back. */
export interface LongValue {
  readonly sha256: string
}

const isLong = (value: unknown): value is LongValue =>
  typeof (value as LongValue | null)?.sha256 === 'string' && Object.keys(value as object).length === 1

export const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

export function sealListCursor(binding: string, value: unknown, id: string): string {
  const long = typeof value === 'string' && value.length > MAX_VALUE
  return seal(['l', binding, long ? { sha256: digestOf(value) } : value, id])
}

export function openListCursor(
  cursor: unknown,
  binding: string,
  orderBy: Field,
  model: Model,
): { value: unknown; id: string; isLong: boolean } {
  const [, bound, value, id] = open(cursor, 'l', 4)
  const valid =
    bound === binding &&
    typeof id === 'string' &&
    canonicalKey(model, id) === id &&
    // a store may need its own spelling of where the page ended: a text
    (value === null || typeof value === 'string' || isLong(value) || refusal(orderBy, value) === null)
  if (!valid) throw new PosternError('cursor_invalid')
  return { value, id, isLong: isLong(value) }
}

/** Where a follower of the feed stands. */
export interface FeedPosition {
  /** The incarnation of the log that issued the cursor. */
  readonly epoch: string
  readonly position: number
  /** The pruning mark under which a walk from the beginning started; 0 above it. */
  readonly base: number
  /** The fingerprint of the entry at `position`: another one there is another log. '' where the store has none. */
  readonly mark: string
}

/** A position in the log of one incarnation, for one tenant's or everybody's feed. */
export function sealFeedCursor({ epoch, position, base, mark }: FeedPosition, tenant: string | null): string {
  return seal(['f', cursorBinding([epoch, tenant]), epoch, position, base, mark])
}

/** What a cursor says. @throws PosternError `cursor_invalid` when it was not issued to this tenant. */
export function readFeedCursor(cursor: string, tenant: string | null): FeedPosition {
  const [, binding, epoch, position, base, mark] = open(cursor, 'f', 6)
  const valid =
    typeof epoch === 'string' &&
    typeof mark === 'string' &&
    binding === cursorBinding([epoch, tenant]) &&
    isPosition(position) &&
    isPosition(base)
  if (!valid) throw new PosternError('cursor_invalid')
  return { epoch, position: position as number, base: base as number, mark }
}

const isPosition = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
