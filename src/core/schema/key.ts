import type { Model } from './define.ts'
import type { KindInfo } from './kind.ts'
import { canonicalId, keyValue } from './kind.ts'

/**
 * Ids on the wire. The id of a row is the text of its key; of a key of several fields it is the JSON array of their
 * texts in the order in which the schema names them, for example `["t1","urgent"]` (RFC 8785).
 */

/**
 * The one spelling of an id, or null when it cannot be an id of the model.
 *
 * @example
 * canonicalKey(taskTags, '[ "t1", "urgent" ]') // '["t1","urgent"]'
 */
export function canonicalKey(
  { key }: { readonly key: readonly KindInfo[] },
  id: string | number,
): string | null {
  const [first, ...more] = key
  if (first === undefined || more.length === 0) return canonicalId(first?.kind ?? 'text', id)
  const given = typeof id === 'string' ? partsOf(id) : null
  if (given === null || given.length !== key.length) return null
  const texts = key.map(({ kind }, place) => canonicalId(kind, given[place] as string))
  // of an array of strings, JSON.stringify writes what RFC 8785 asks for
  return texts.includes(null) ? null : JSON.stringify(texts)
}

function partsOf(id: string): string[] | null {
  try {
    const given: unknown = JSON.parse(id)
    return Array.isArray(given) && given.every((part) => typeof part === 'string') ? given : null
  } catch {
    return null
  }
}

/** The id of a row that has these values in its key's fields, or null when one of them cannot be part of an id. */
export function keyOf(model: Model, row: Readonly<Record<string, unknown>>): string | null {
  const parts = model.key.map(({ name }) => row[name])
  if (!parts.every((part) => typeof part === 'string' || typeof part === 'number')) return null
  return model.key.length === 1
    ? canonicalKey(model, parts[0] as string | number)
    : canonicalKey(model, JSON.stringify(parts.map(String)))
}

/** The id of a row of a store. */
export const rowId = (model: Model, row: Readonly<Record<string, unknown>>): string =>
  keyOf(model, row) ?? String(row[model.primaryKey.name])

/**
 * The values of the key's fields that an id stands for, by field name, as the core passes values to a store.
 *
 * @param id in its one spelling, as an operation or a target has it
 * @example
 * const tasks = schema.models.get('tasks')
 * if (tasks) keyFields(tasks, 't1') // { id: 't1' }; of ["t1","urgent"]: { taskId: 't1', tag: 'urgent' }
 */
export function keyFields({ key, primaryKey }: Model, id: string): Record<string, unknown> {
  if (key.length === 1) return { [primaryKey.name]: keyValue(primaryKey.kind, id) }
  const texts = JSON.parse(id) as string[]
  return Object.fromEntries(
    key.map(({ name, kind }, place) => [name, keyValue(kind, texts[place] as string)]),
  )
}

/** What an id of the model looks like, for messages. */
export const keyText = ({ key, primaryKey }: Model): string =>
  key.length === 1 ? primaryKey.kind : `a JSON array of ${key.map(({ name }) => name).join(', ')}`
