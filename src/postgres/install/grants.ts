import type { Model, Schema } from '../../core/schema/define.ts'
import { isNumber } from '../../core/schema/kind.ts'
import { traitsOf } from '../../core/schema/operation.ts'
import type { InstallOptions } from '../naming.ts'
import { installSchema } from '../naming.ts'

/** How much the role may do beyond answering requests. */
export interface GrantOptions extends Pick<InstallOptions, 'namespace'> {
  /**
   * Also grant what the models' own tables need: select, and insert, update and delete as far as `mutable` goes,
   * insert and update on no other columns than input may write. Default: your own migrations grant those.
   */
  tables?: Schema
  /** `prune`, too: it deletes from our log. Default false; a role of its own for the scheduler is better. */
  prune?: boolean
  /** `acknowledge`, too: it writes named cursors. Default false. */
  acknowledge?: boolean
  /** Relays, too: it leads them, and sends, forgets and lists dead letters. Default false. */
  relay?: boolean
}

/**
 * The statements that give an ordinary role what it needs to serve requests, and no more. The role should own
 * nothing and be no superuser: an owner passes by row-level security, and may alter our log. Run them as the role
 * that ran `migrate`, after each `migrate`: it may have made new functions.
 *
 * Serving needs: usage of our schema and of its sequence, execute on its functions (they run with the caller's own
 * rights), select on its tables, insert into log and ledger. `feedStatus` shows who blocks the feed only to members of
 * `pg_read_all_stats`, which is not granted here.
 *
 * @param role the role's name as it stands in the catalogue; it is quoted here.
 * @throws PosternError `source_adapter_misconfigured` for a `schema` that `migrate` would not take.
 * @example
 * // the adapter's schema: with the columns that the ORM fills in and no caller sees
 * for (const statement of grants('app', { tables: adapter.schema })) await pool.query(statement)
 */
export function grants(role: string, options: GrantOptions = {}): string[] {
  const s = installSchema(options)
  const to = `to ${quoted(role)}`
  const statements = [
    `grant usage on schema ${s} ${to}`,
    // functions are for everybody by default; databases that take this away are the ones that care
    `grant execute on all functions in schema ${s} ${to}`,
    `grant usage on sequence ${s}.position_seq, ${s}.run_seq ${to}`,
    `grant select on ${s}.meta, ${s}.model, ${s}.relation, ${s}.follower ${to}`,
    `grant select, insert on ${s}.log, ${s}.ledger ${to}`,
  ]
  if (options.prune) {
    statements.push(
      `grant update (pruned_through) on ${s}.meta ${to}`,
      `grant delete on ${s}.log, ${s}.ledger, ${s}.follower ${to}`,
      // locking a row asks for the right to update some column of it
      `grant update (at) on ${s}.ledger ${to}`,
    )
  }
  if (options.acknowledge) statements.push(`grant insert, update, delete on ${s}.follower ${to}`)
  if (options.relay) {
    statements.push(
      `grant select, insert, update, delete on ${s}.relay, ${s}.dead_letter ${to}`,
      `grant insert, update, delete on ${s}.follower ${to}`,
    )
  }
  for (const model of options.tables?.models.values() ?? []) statements.push(...ofTable(model, to))
  return [...new Set(statements)]
}

function ofTable(model: Model, to: string): string[] {
  const { mutable, policy, key } = model
  const keyColumns = key.map(({ column }) => column)
  const privileges = new Set([...mutable].map((type) => traitsOf(type).privilege))
  const schema = model.table.schema === undefined ? '' : `${quoted(model.table.schema)}.`
  const table = `${schema}${quoted(model.table.name)}`
  const fields = [...model.fields.values(), ...model.hidden]
  const writable = fields.filter((field) => field.writable).map(({ column }) => column)
  const tenant = policy.by === 'column' ? [policy.column] : []
  const some = (columns: readonly string[]): string => `(${[...new Set(columns)].map(quoted).join(', ')})`

  const statements = schema === '' ? [] : [`grant usage on schema ${schema.slice(0, -1)} ${to}`]
  statements.push(`grant select on ${table} ${to}`)
  if (privileges.has('insert')) {
    statements.push(`grant insert ${some([...keyColumns, ...tenant, ...writable])} on ${table} ${to}`)
    if (numbered(model)) statements.push(grantSequences(table, to))
  }
  // every change locks its row first, which asks for the right to update some column of it
  if ([...mutable].some((type) => traitsOf(type).needsRow)) {
    const changed = changedColumns(model)
    const columns = changed.length === 0 ? keyColumns.slice(0, 1) : changed
    statements.push(`grant update ${some(columns)} on ${table} ${to}`)
  }
  if (privileges.has('delete')) statements.push(`grant delete on ${table} ${to}`)
  return statements
}

/** Whether a column may draw its values from a sequence. */
const numbered = (model: Model): boolean =>
  [...model.fields.values()].some((field) => (field.writable || model.key.includes(field)) && isNumber(field))

/** A create names the columns' defaults by itself, identities too: what they draw from is then the caller's to use. */
const grantSequences = (table: string, to: string): string => `do $$
declare _sequence text;
begin
  for _sequence in
    select pg_get_serial_sequence(${literal(table)}, a.attname) from pg_attribute a
    where a.attrelid = ${literal(table)}::regclass and a.attnum > 0 and not a.attisdropped
  loop
    if _sequence is not null then execute 'grant usage on sequence ' || _sequence || ${literal(` ${to}`)}; end if;
  end loop;
end $$`

/** The columns that operations on rows that are there may set. */
export function changedColumns({ mutable, archive, fields, hidden }: Model): string[] {
  const traits = [...mutable].map(traitsOf)
  if (traits.some(({ input }) => input === 'changes')) {
    return [...fields.values(), ...hidden].filter(({ writable }) => writable).map(({ column }) => column)
  }
  return archive !== undefined && traits.some(({ archives }) => archives !== undefined)
    ? [archive.column]
    : []
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
