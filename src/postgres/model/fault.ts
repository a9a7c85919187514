import { PosternError } from '../../core/errors.ts'

/** Why a model does not fit its table. `sql` is the table's qualified name, as SQL writes it. */
export type Fault = { readonly model: string; readonly sql: string } & (
  | { readonly code: 'table_missing' }
  | { readonly code: 'column_missing'; readonly column: string; readonly field: string }
  | { readonly code: 'tenant_column_missing'; readonly column: string }
  | { readonly code: 'not_a_table' }
  | {
      readonly code: 'key_type_unsupported' | 'tenant_type_unsupported'
      readonly column: string
      readonly type: string
    }
  | { readonly code: 'key_collation_unsupported' | 'tenant_collation_unsupported'; readonly column: string }
  | {
      readonly code: 'not_a_key'
      readonly columns: readonly string[]
      /** The keys that the table has. */
      readonly keys: readonly (readonly string[])[]
    }
  | { readonly code: 'default_unsupported'; readonly column: string; readonly field: string }
  | {
      readonly code: 'type_goes_by_time_zone'
      readonly column: string
      readonly field: string
      readonly type: string
    }
  | {
      readonly code: 'kind_does_not_fit'
      readonly field: string
      readonly column: string
      readonly kind: string
      readonly type: string
      /** How `pull` declares the column. */
      readonly declare: string
    }
  | { readonly code: 'holds_no_time'; readonly field: string; readonly column: string; readonly type: string }
  | { readonly code: 'key_of_several_columns'; readonly columns: readonly string[] }
  | ({ readonly code: 'reference_type_differs'; readonly type: string; readonly keyType: string } & To)
  | ({
      readonly code: 'parent_without_foreign_key'
      /** `unchecked`: it is not valid or not enforced; `loose`: it may be null in part, or a delete sets a default. */
      readonly why: 'none' | 'unchecked' | 'loose'
      readonly constraint: string
    } & To)
)

/** From which field and column a reference leads where. */
interface To {
  readonly field: string
  readonly column: string
  readonly other: string
  readonly key: string
}

/** What is wrong, and what to do about it. */
export interface Wording {
  readonly message: string
  readonly remedy: string
}

const list = (names: readonly string[]): string => names.join(', ')

/** The one place that puts a fault into words. */
export function worded(fault: Fault): Wording {
  const { sql } = fault
  switch (fault.code) {
    case 'table_missing':
      return {
        message: `there is no table ${sql}`,
        remedy: `Create it, or name the right one in the model's options: { table: 'schema.name' }; \`npx postern pull\` lists what is there.`,
      }
    case 'column_missing':
      return {
        message: `table ${sql} has no column ${fault.column} (field ${fault.field})`,
        remedy: `alter table ${sql} add column ${fault.column} ...; or name the right one in the model's options: { columns: { ${fault.field}: '...' } }; or remove the field.`,
      }
    case 'tenant_column_missing':
      return {
        message: `table ${sql} has no column ${fault.column} (the tenant)`,
        remedy: `alter table ${sql} add column ${fault.column} text not null; or name the one that holds the tenant: { policy: { by: 'column', column: '...' } }; or say that there is none: { policy: { by: 'none' } }`,
      }
    case 'not_a_table':
      return {
        message: `${sql} is not a table, and the model allows writes`,
        remedy: 'Make the model read only: { mutable: false }',
      }
    case 'key_type_unsupported':
    case 'tenant_type_unsupported':
      return {
        message: `a ${fault.code === 'key_type_unsupported' ? 'key' : 'tenant'} column of type ${fault.type} (${fault.column}) is not supported: several texts stand for one value of it`,
        remedy: `Use a column of one of the types that docs/adapters.md lists for keys.`,
      }
    case 'key_collation_unsupported':
    case 'tenant_collation_unsupported':
      return {
        message: `a ${fault.code === 'key_collation_unsupported' ? 'key' : 'tenant'} column under a non-deterministic collation (${fault.column}) is not supported`,
        remedy: `alter table ${sql} alter column ${fault.column} type text collate "C"`,
      }
    case 'not_a_key': {
      const columns = list(fault.columns)
      const known = fault.keys.map((names) => `(${list(names)})`)
      return {
        message: `${columns} is not a key of ${sql}: no primary key and no unique index over columns that are NOT NULL (keys: ${known.length === 0 ? 'none' : list(known)})`,
        remedy: `alter table ${sql} add primary key (${columns}); or name the fields that are a key: { primaryKey: ... }`,
      }
    }
    case 'key_of_several_columns':
      return {
        message: `a key of several columns (${list(fault.columns)}) is not supported by the Postgres adapters yet`,
        remedy: 'Name a single column that is unique and NOT NULL: { primaryKey: ... }',
      }
    case 'default_unsupported':
      return {
        message: `the default of ${fault.column} holds $postern$, which ends our functions`,
        remedy: 'Write the default without it, or remove the field.',
      }
    case 'type_goes_by_time_zone':
      return {
        message: `${fault.column} is of type ${fault.type}, whose text depends on the session's time zone`,
        remedy: `Remove field ${fault.field}.`,
      }
    case 'kind_does_not_fit':
      return {
        message: `field ${fault.field} is of kind ${fault.kind}, which column ${fault.column} of type ${fault.type} cannot hold without changing values or their type in JSON`,
        remedy: `Declare it as ${fault.field}: ${fault.declare}`,
      }
    case 'reference_type_differs':
      return {
        message: `field ${fault.field} refers to ${fault.other}, but column ${fault.column} of type ${fault.type} cannot be compared with ${fault.key} of type ${fault.keyType}`,
        remedy: `Give both columns one type, or remove the relation.`,
      }
    case 'parent_without_foreign_key': {
      const key = `foreign key (${fault.column}) references ${fault.other} (${fault.key})`
      const what = {
        none: `${sql} has no foreign key from ${fault.column} to ${fault.other}`,
        unchecked: `the foreign key ${fault.constraint} of ${sql} was not checked for the rows that are there, or is not enforced`,
        loose: `the foreign key ${fault.constraint} of ${sql} does not hold when another of its columns is null, or sets a default when the parent is deleted`,
      }[fault.why]
      return {
        message: `${what}: rows could outlive their parent, and belong to the tenant that creates its id again`,
        remedy:
          fault.why === 'unchecked'
            ? `alter table ${sql} validate constraint ${fault.constraint}`
            : `alter table ${sql} add ${key} on delete cascade`,
      }
    }
    case 'holds_no_time':
      return {
        message: `field ${fault.field} is set to the time of a commit, which column ${fault.column} of type ${fault.type} cannot hold`,
        remedy: "Use a timestamptz column, or take the field out of the model's `touch` and `archive`.",
      }
  }
}

/** A model that does not fit its table. @param faults at least one. */
export class MisfitError extends PosternError {
  readonly faults: readonly Fault[]
  constructor(faults: readonly Fault[]) {
    const [first] = faults
    const told = first === undefined ? undefined : worded(first)
    const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
    super(
      'source_adapter_misconfigured',
      told === undefined ? undefined : `${first?.model}: ${told.message}${more}. ${told.remedy}`,
    )
    this.faults = faults
  }
}
