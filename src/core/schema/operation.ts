/** All that the library must know of one type of operation. Rows of `operationTraits`; nothing else tells types apart. */
interface OperationTraits {
  /** The row must be there when its turn comes: it is locked, and missing is 404. Otherwise the operation makes it. */
  readonly needsRow: boolean
  /** The row is gone afterwards. */
  readonly removes: boolean
  /** What `input` holds: a whole row, defaults included; the fields to change; or nothing. */
  readonly input: 'whole' | 'changes' | 'none'
  /** What it sets the model's `archive` field to; absent: it does not touch it, and any model may allow it. */
  readonly archives?: 'now' | 'null'
  /** The privilege on the table that it takes. */
  readonly privilege: 'insert' | 'update' | 'delete'
}

const traits = <const T extends OperationTraits>(row: T): T & OperationTraits => row

/**
 * What an operation does to its row. A new type is a row here, its branch in the store in memory and in the functions
 * that are compiled for Postgres, and its shape in the client's types.
 */
export const operationTraits = {
  CREATE: traits({ needsRow: false, removes: false, input: 'whole', privilege: 'insert' }),
  UPDATE: traits({ needsRow: true, removes: false, input: 'changes', privilege: 'update' }),
  DELETE: traits({ needsRow: true, removes: true, input: 'none', privilege: 'delete' }),
  /** Sets the model's `archive` field to the time of the commit. */
  ARCHIVE: traits({ needsRow: true, removes: false, input: 'none', archives: 'now', privilege: 'update' }),
  /** Empties it. */
  UNARCHIVE: traits({ needsRow: true, removes: false, input: 'none', archives: 'null', privilege: 'update' }),
}

/** What an operation does to its row. ARCHIVE sets the model's `archive` field, UNARCHIVE empties it. */
export type OperationType = keyof typeof operationTraits

/** Every type of operation, in the order in which docs and schemas list them. */
export const operationTypes = Object.keys(operationTraits) as readonly OperationType[]

/** The traits of a type, under the type that is common to all. */
export const traitsOf = (type: OperationType): OperationTraits => operationTraits[type]

/**
 * The fields that an operation writes, as far as a merge is concerned; null where it makes or removes the row, which
 * meets every change.
 */
export function writtenFields(
  type: OperationType,
  input: Readonly<Record<string, unknown>>,
  archive: string | undefined,
): readonly string[] | null {
  const { needsRow, removes, archives } = traitsOf(type)
  if (!needsRow || removes) return null
  if (archives === undefined) return Object.keys(input)
  return archive === undefined ? null : [archive]
}
