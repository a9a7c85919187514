import type { CommitRequest, Operation } from '../src/core/adapter.ts'
import type { Model } from '../src/core/schema/define.ts'
import { ROWS, rowId, schema, TENANT } from './schema.ts'

export const items = schema.models.get('items') as Model

const context = { tenant: TENANT, scope: { organizationId: TENANT }, requestId: 'bench' }

let count = 0
/** Different in every commit and every write. */
export const fresh = (): number => {
  count += 1
  return count
}

export const freshKey = (): string => `bench-${process.pid}-${String(fresh()).padStart(10, '0')}`

/** As long as the real one. */
export const intent = 'f'.repeat(64)

const STATUSES = ['todo', 'doing', 'done'] as const

export const inputOf = (n: number) => ({
  title: `title ${n}`,
  status: STATUSES[n % 3] as (typeof STATUSES)[number],
})

/** Clients share the table and no row: what is measured is the work, and not who waits for whom. */
export function someRow(client: number, clients: number): string {
  const share = Math.floor(ROWS / clients)
  return rowId(client * share + Math.floor(Math.random() * share))
}

/** So many neighbouring rows of the client's own. */
export function someRows(n: number, client: number, clients: number): string[] {
  const share = Math.floor(ROWS / clients)
  const first = client * share + Math.floor(Math.random() * (share - n))
  return Array.from({ length: n }, (_, at) => rowId(first + at))
}

export interface Change {
  readonly type: 'CREATE' | 'UPDATE'
  readonly id: string
  readonly readAt?: number | null
}

/** What the endpoint would hand to an adapter. */
export function commitRequest(changes: readonly Change[], key = freshKey()): CommitRequest {
  const operations = changes.map(
    ({ type, id, readAt = null }, index): Operation => ({
      index,
      type,
      model: items,
      id,
      input: inputOf(fresh()),
      readAt,
      onStale: 'reject',
      transactionId: null,
    }),
  )
  return {
    ...context,
    idempotencyKey: key,
    intent,
    intentHash: null,
    operations,
    answerBytes: 16_777_216,
    echo: undefined,
  }
}

/** The stamp that each row's last commit answered: what a caller who has just read the row would send as `readAt`. */
export class Stamps {
  readonly #known = new Map<string, number>()

  of(id: string): number {
    return this.#known.get(id) ?? 0
  }

  /** Takes note of an answer's stamps. */
  note(ids: readonly string[], body: string): void {
    const from = body.lastIndexOf('"stamps":[') + 10
    const stamps = body.slice(from, body.indexOf(']', from)).split(',')
    for (const [at, id] of ids.entries()) this.#known.set(id, Number(stamps[at]))
  }
}

export const requestContext = context
