import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { inspect, styleText } from 'node:util'
import type { ClientError } from '../client/error.ts'
import type { EventOf } from '../core/caller/caller.ts'
import type { Schema } from '../core/schema/define.ts'
import { UsageError } from './outcome.ts'
import { jsonOf } from './request.ts'
import { visible } from './visible.ts'

interface CommitFile {
  readonly idempotencyKey: string
  readonly operations: readonly object[]
}

/**
 * A commit from a file, or from standard input. Without an idempotency key of its own it gets a
 * hash of its operations, so that the same file sent twice is one commit.
 *
 * @throws UsageError when it holds no operations.
 */
export async function commitOf(file: string, key: string | undefined): Promise<CommitFile> {
  const given = jsonOf(
    file === '-' ? await text(process.stdin) : read(file),
    file === '-' ? 'standard input' : file,
  )
  const body = (isObject(given) ? given : {}) as Record<string, unknown>
  const operations = Array.isArray(given) ? given : Array.isArray(body.operations) ? body.operations : [given]
  if (
    operations.length === 0 ||
    !operations.every((one) => isObject(one) && 'type' in one && one.type !== 'commit')
  ) {
    throw new UsageError(
      `${file} holds no operations: { "type": "UPDATE", "model": ..., "id": ..., "input": ... }`,
    )
  }
  const own = [body.idempotencyKey, body.correlationId, body.clientTxId].find(
    (one) => typeof one === 'string',
  )
  const hash = createHash('sha256').update(JSON.stringify(operations)).digest('hex').slice(0, 16)
  return { idempotencyKey: key ?? (own as string | undefined) ?? `cli:${hash}`, operations }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new UsageError(`there is no file ${file}`)
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Rows as they travel, each with its stamp. */
export function rowLines(rows: readonly (object | null)[], stamps: readonly (number | null)[]): string[] {
  if (rows.length === 0) return ['no rows']
  return rows.map((row, index) => {
    const stamp = styleText('dim', `stamp ${stamps[index] ?? '-'}`)
    if (row === null) return `no such row, ${stamp}`
    return `${inspect(row, { colors: process.stdout.isTTY, breakLength: 100, depth: 6 })} ${stamp}`
  })
}

/** `2026-01-02T03:04:05Z  UPDATE tasks t1  status`, and what the row is by now. */
export function eventLine(event: EventOf<Schema>): string {
  const { at: occurredAt, type, model, entityId, changed, data, stamp } = event
  const row =
    data == null
      ? ''
      : ` ${inspect(data, { colors: process.stdout.isTTY, breakLength: Number.POSITIVE_INFINITY, depth: 4 })}`
  const fields = changed == null ? '' : ` (${visible(changed.join(', '))})`
  const at = styleText('dim', visible(`${occurredAt ?? ''} ${stamp}`))
  return `${at} ${visible(type)} ${visible(model)} ${visible(entityId)}${fields}${row}`
}

/** The code, the message and the details of a refusal. */
export function refusalLines({ code, status, message, details, requestId }: ClientError): string[] {
  return [
    `${styleText('red', visible(`${status ?? ''} ${code}`.trim()))}: ${visible(message)}`,
    ...(details === undefined ? [] : [inspect(details, { depth: 8, breakLength: 100 })]),
    ...(requestId === undefined ? [] : [styleText('dim', `request ${visible(requestId)}`)]),
  ]
}
