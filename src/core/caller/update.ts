import { numberOf } from '../options.ts'
import type { Schema } from '../schema/define.ts'
import type { ModelName, Row } from '../schema/infer.ts'
import type { CommitOperations, Committed, Decide, Loaded, Updated, UpdateOptions } from './caller.ts'

/** How a caller reads, commits and tells its errors apart. */
export interface UpdateCalls<S extends Schema, M extends ModelName<S>> {
  readonly load: () => Promise<Loaded<Row<S, M>>>
  readonly commit: (commit: {
    idempotencyKey: string
    operations: CommitOperations<Schema>
  }) => Promise<Committed>
  /** Whether a commit was refused because the row had changed. */
  readonly isStale: (error: unknown) => boolean
  /** The error for a row that is not there, in the caller's own class. */
  readonly notFound: (message: string, details: Readonly<Record<string, unknown>>) => Error
  /** A key that nobody has used. */
  readonly freshKey: () => string
}

const MAX_ATTEMPTS = 100

/** Reads, decides, commits on the state that was read, and does all of it again when the row changed meanwhile. */
export async function update<S extends Schema, M extends ModelName<S>>(
  calls: UpdateCalls<S, M>,
  model: M,
  id: string,
  decide: Decide<S, M>,
  { attempts: given, idempotencyKey = `update:${calls.freshKey()}` }: UpdateOptions,
): Promise<Updated<Row<S, M>>> {
  const attempts = numberOf('attempts', given, 5, 1, MAX_ATTEMPTS)
  for (let attempt = 1; ; attempt++) {
    const { row, stamp } = await calls.load()
    if (row === null)
      throw calls.notFound(`There is no row ${id} of ${model} for this caller.`, { model, id })
    const input = await decide(row, { stamp, attempt })
    if (input === null || input === undefined) return { row, stamp, changed: false }
    try {
      const { rows, stamps } = await calls.commit({
        idempotencyKey: `${idempotencyKey}:${attempt}`,
        operations: [
          { type: 'UPDATE', model, id, input: input as Readonly<Record<string, unknown>>, readAt: stamp },
        ],
      })
      return { row: rows[0] as Row<S, M>, stamp: stamps[0] as number, changed: true }
    } catch (error) {
      // A refused commit wrote nothing: the next decision is another intent, under another key.
      if (!calls.isStale(error) || attempt === attempts) throw error
    }
  }
}
