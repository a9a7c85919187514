import type { Field, Model } from './define.ts'

/** A reference that a caller can set: which field holds it, and a row of which model it names. */
export interface Reference {
  readonly field: Field
  /** The name of the model that is referred to. */
  readonly model: string
  /** The row gets its tenant by it: null is no value of it. */
  readonly required: boolean
}

/**
 * The references of a model that operations set, the policy's parent first, then each `belongsTo` in the order of the
 * schema. The tenant's field is none of them: its value comes from the scope.
 */
export function referencesOf(model: Model): readonly Reference[] {
  const { policy, fields, relations, key, tenantField } = model
  const declared = [
    ...(policy.by === 'parent' ? [{ field: policy.fk, model: policy.parent }] : []),
    ...[...relations.values()].filter(({ type }) => type === 'belongsTo'),
  ]
  const references = new Map<string, Reference>()
  for (const { field: name, model: other } of declared) {
    const field = fields.get(name) as Field
    const set = field.writable || (key.includes(field) && field !== tenantField)
    const known = `${name} ${other}`
    if (!set || references.has(known)) continue
    references.set(known, {
      field,
      model: other,
      required: policy.by === 'parent' && policy.fk === name && policy.parent === other,
    })
  }
  return [...references.values()]
}
