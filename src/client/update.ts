import type { CommitOperations, Committed, Loaded } from '../core/caller.ts'
import type { Schema } from '../core/schema/define.ts'
import type { ModelName, Row, UpdateInput } from '../core/schema/infer.ts'
import { messageId } from '../core/signature/sign.ts'
import { ClientError, isStale } from './error.ts'
import { type ClientCallOptions, numberOf } from './options.ts'

/** How `update` decides and how often. */
export interface UpdateOptions extends ClientCallOptions {
  /** How often the row is read and decided on at most. Default 5. */
  readonly attempts?: number | undefined
  /**
   * The idempotency key; the number of the attempt is put behind it. Give one where the same intent may be carried out
   * twice, for example by a job that is run again: the second finds the first. Default: a random one.
   */
  readonly idempotencyKey?: string | undefined
}

/** What `update` gives back. */
export interface Updated<R> {
  /** The row after the change, or as it was read when there was nothing to change. */
  readonly row: R
  readonly stamp: number
  /** False when the function decided that nothing is to be changed. */
  readonly changed: boolean
}

/** Decides what becomes of a row: the fields to change, or null (or undefined) to leave it as it is. */
export type Decide<S extends Schema, M extends ModelName<S>> = (
  row: Row<S, M>,
  context: { readonly stamp: number; readonly attempt: number },
) => UpdateInput<S, M> | null | undefined | Promise<UpdateInput<S, M> | null | undefined>

const MAX_ATTEMPTS = 100

/** Reads, decides, commits on the state that was read, and does all of it again when the row changed meanwhile. */
export async function update<S extends Schema, M extends ModelName<S>>(
  calls: {
    readonly load: () => Promise<Loaded<Row<S, M>>>
    readonly commit: (commit: {
      idempotencyKey: string
      operations: CommitOperations<Schema>
    }) => Promise<Committed>
  },
  model: M,
  id: string,
  decide: Decide<S, M>,
  { attempts: given, idempotencyKey = `update:${messageId()}` }: UpdateOptions,
): Promise<Updated<Row<S, M>>> {
  const attempts = numberOf('attempts', given, 5, 1, MAX_ATTEMPTS)
  for (let attempt = 1; ; attempt++) {
    const { row, stamp } = await calls.load()
    if (row === null) {
      throw new ClientError('entity_not_found', `There is no row ${id} of ${model} for this caller.`, {
        retryable: false,
        details: { model, id },
      })
    }
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
      if (!isStale(error) || attempt === attempts) throw error
    }
  }
}
