import type { Field, Model, Schema } from './define.ts'
import { defineSchema } from './define.ts'
import type { ModelDefinition, ModelOptions, Policy } from './model.ts'

/** What an ORM knows of a model's table. Names of fields are the ORM's own, more of them than the model declares. */
export interface ModelMapping {
  readonly table: { readonly schema: string | undefined; readonly name: string }
  /** Field to column. */
  readonly columns: Readonly<Record<string, string>>
  /** Fields that the ORM sets to the time of every write. */
  readonly touch: readonly string[]
  /** Fields for which the ORM makes values in this process; see `withClientValues`. */
  readonly made: readonly string[]
}

/**
 * The schema with the table and column names of an ORM, so that nobody states them twice. What the schema says by
 * itself (`table`, `columns`, the policy's `column`) stays; what it only derived from its casing gives way. A model
 * for which `mappingOf` answers undefined stays as it is. What the ORM fills in and the schema does not show, or shows
 * without letting it be written, becomes hidden: a create would lack it, and an update would leave it behind.
 *
 * @throws TypeError when the names contradict the schema, as `defineSchema` does.
 */
export function remapSchema<S extends Schema>(
  schema: S,
  mappingOf: (model: Model) => ModelMapping | undefined,
): S {
  const definitions: Record<string, ModelDefinition> = {}
  const mappings = new Map<string, ModelMapping>()
  for (const [name, model] of schema.models) {
    const definition = schema.definitions[name] as ModelDefinition
    const mapping = mappingOf(model)
    if (mapping !== undefined) mappings.set(name, mapping)
    definitions[name] = { ...definition, options: remapped(model, definition.options, mapping) }
  }
  // casing has done its part: every name is given now
  const mapped = defineSchema(definitions, { casing: 'same' })
  const models = new Map<string, Model>()
  for (const [name, model] of mapped.models) {
    models.set(name, { ...model, hidden: hiddenFields(model, mappings.get(name)) })
  }
  return { ...mapped, models } as unknown as S
}

/** A field may be called `toString`: what is inherited is no name of a column. */
const ownOf = (names: Readonly<Partial<Record<string, string>>> | undefined, name: string) =>
  names !== undefined && Object.hasOwn(names, name) ? names[name] : undefined

function hiddenFields(model: Model, mapping: ModelMapping | undefined): Field[] {
  if (mapping === undefined) return []
  const { fields, primaryKey, policy } = model
  const shown = new Set([...fields.values()].map(({ column }) => column))
  const hidden: Field[] = []
  for (const name of new Set([...mapping.made, ...mapping.touch])) {
    const own = fields.get(name)
    const column = own?.column ?? ownOf(mapping.columns, name)
    if (column === undefined || own === primaryKey || own?.writable) continue
    const isTenant = policy.by === 'column' && policy.column === column
    if (isTenant || (own === undefined && shown.has(column))) continue
    // of any kind: nobody sends it, and the database reads it by the column's type
    const any = {
      kind: 'json',
      check: undefined,
      optional: true,
      nullable: true,
      default: undefined,
    } as const
    hidden.push({ ...any, name, column, writable: true, touch: mapping.touch.includes(name) })
  }
  return hidden
}

function remapped(model: Model, own: ModelOptions, mapping: ModelMapping | undefined): ModelOptions {
  const columns: Record<string, string> = {}
  for (const { name, column } of model.fields.values()) {
    columns[name] = ownOf(own.columns, name) ?? ownOf(mapping?.columns, name) ?? column
  }
  const table = own.table === undefined && mapping !== undefined ? mapping.table : model.table
  const touch = [...model.fields.values()]
    .filter(({ name, touch, writable }) => touch || (writable && mapping?.touch.includes(name)))
    .map(({ name }) => name)
  return {
    ...own,
    table: table.schema === undefined ? table.name : `${table.schema}.${table.name}`,
    columns,
    touch,
    policy: policyOf(model, own, columns, mapping),
  }
}

/** The tenant's column follows its field where the schema took the default. */
function policyOf(
  model: Model,
  own: ModelOptions,
  columns: Readonly<Record<string, string>>,
  mapping: ModelMapping | undefined,
): Policy {
  const { policy, tenantField } = model
  if (policy.by !== 'column' || (own.policy?.by === 'column' && own.policy.column !== undefined))
    return policy
  if (tenantField !== undefined) return { by: 'column', column: columns[tenantField.name] ?? policy.column }
  const known = Object.values(mapping?.columns ?? {})
  const column = known.includes(policy.column) ? undefined : mapping?.columns.organizationId
  return { by: 'column', column: column ?? policy.column }
}
