import type { OperationType } from '../../core/schema/operation.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import {
  boundField,
  castTenant,
  entityId,
  keyCondition,
  keyValues,
  rowJson,
  sameKey,
  tenantCondition,
  wordsOf,
} from '../model/bound-model.ts'
import { pinned, scalarValue } from '../model/column-values.ts'
import { header, oneParameters } from '../parameters.ts'
import { setting } from '../signals.ts'
import type { Statement } from '../sql/statement.ts'
import { functionStatement } from '../sql/statement.ts'
import { foreignReferences } from './compile-references.ts'
import { relationFunction, tenantWas } from './compile-relation.ts'
import { assignments, commitTime, createId, inexactInput, insertion, updateText } from './compile-write.ts'
import { closePath, inexactValue, lastEntry, openPath, suppressedWrite, unflushed } from './fragments.ts'
import type { Relation } from './relation.ts'

export interface CompileOptions {
  /** Our database schema. */
  readonly schema: string
  /** The bare name of a compiled function: `tasks_update_1f3a9c2b`, the digest of the schema last. */
  readonly name: (bound: BoundModel, verb: string) => string
  readonly models: BoundModels
  readonly relations: ReadonlyMap<number, Relation>
  /** Longest wait for a row's or a key's lock, as Postgres spells it. */
  readonly lockTimeout: string
}

/**
 * The functions for a commit of one operation: one static function per model and operation type, because a plan
 * that is kept costs a third of one that is made anew, and one call is one round trip. The steps are those of
 * docs/commit-protocol.md, in their order.
 */
export function compileOne(bound: BoundModel, options: CompileOptions): readonly Statement[] {
  return [...bound.model.mutable].map((type) =>
    functionStatement({
      schema: options.schema,
      name: options.name(bound, type.toLowerCase()),
      comment: `${bound.model.name}: a commit of one ${type}`,
      parameters: header(oneParameters),
      returns: 'text',
      attributes: `language plpgsql ${settings(options, bound)}`,
      body: type === 'CREATE' ? createBody(bound, options) : changeBody(bound, options, type),
    }),
  )
}

const RESERVE = (s: string): string => `_answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;`

/** Which columns this version calls what, for the functions that report changes. */
export const wordsLiteral = (bound: BoundModel): string => {
  const { fields } = wordsOf(bound)
  const words = Object.fromEntries(fields.map(([name, attnum]) => [String(attnum), name]))
  return `'${JSON.stringify(words)}'::jsonb`
}

const relationOf = (bound: BoundModel, { relations }: CompileOptions): Relation =>
  relations.get(bound.rel) as Relation

/** The row's own tenant condition. */
const ownedBy = (bound: BoundModel, { models }: CompileOptions): string => {
  const owned = tenantCondition(bound, models, 't', '_tenant')
  return owned === null ? '' : `\n    and ${owned}`
}

/** Answers `stale_context`, or holds the operation back and keeps that. `current` is the JSON of the row, or null. */
function staleAnswer(bound: BoundModel, { schema: s }: CompileOptions, current: string): string {
  return `_x := ${s}.stale_entry(0, '${bound.model.name}', _id, _read_at, _stale, ${wordsLiteral(bound)}, ${current});
      if _on_stale = 'notify' then return ${s}.record_held(_tenant, _key, _intent, _intent_hash, _x, _most); end if;
      ${unflushed}
      return 'stale {"operations":[' || _x || ']}';`
}

/**
 * Judges a row that is not held, into `_stale`, and tells what it is, into `_current`. One statement, for one snapshot:
 * with a row from before its stamp, whoever decides on that row would pass for somebody who saw what came after it.
 */
function judgeUnheld(bound: BoundModel, options: CompileOptions): string {
  const { schema: s } = options
  const there = `t.${bound.key.column.sql} is not null`
  return `select ${s}.judge(${bound.rel}, _id, _tenant, _read_at, ${there}), case when ${there} then
        ${rowJson(bound, 't')} end
      into _stale, _current
      from (select) one left join ${bound.table} t on ${keyCondition(bound, 't', '_id')}${ownedBy(bound, options)};`
}

/**
 * Our own statement: the triggers leave out the row that it writes, and those of the application's see the session's
 * path. The commit answers for the row when everything beneath has run.
 */
function writing(bound: BoundModel, { schema: s }: CompileOptions, key: string, write: string): string {
  return `-- point: own
  _x := set_config(${setting(s, 'own')}, '${bound.rel}:' || ${key}, true);
  ${openPath}
  ${write}
  get diagnostics _rows = row_count;
  if _rows = 0 then ${suppressedWrite(s)} end if;
  ${closePath}
  _x := set_config(${setting(s, 'own')}, '', true);`
}

function createBody(bound: BoundModel, options: CompileOptions): string {
  const { schema: s } = options
  const key = bound.key.column
  const relation = relationOf(bound, options)
  const f = (verb: string): string => relationFunction(s, bound.rel, verb)
  const tenant = bound.tenant === null ? '' : castTenant(bound.tenant, '_tenant')
  const only = bound.keys.length === 1
  const insert = insertion(bound, '_input', only ? ['_new_id'] : keyValues(bound, '_id'), tenant)
  return `
#variable_conflict use_variable
declare
  _new ${bound.table}; _now ${bound.table}; _type text := 'CREATE'; _answer text; _stale jsonb; _current text; _x text;
  _entry ${s}.entry; _new_id ${only ? key.type : 'text'}; _row_key text; _nt text; _rows int;
begin
  ${RESERVE(s)}
  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    ${judgeUnheld(bound, options)}
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'::jsonb; end if;
      ${staleAnswer(bound, options, '_current')}
    end if;
  end if;
${inputChecks(bound, options, true)}
  _new_id := ${only ? createId(bound, scalarValue(key.base, key.type, '_id')) : '_id'};
  ${writing(
    bound,
    options,
    `coalesce(_new_id::text, '')`,
    `insert into ${bound.table} as t (${insert.columns})${insert.overriding}
  values (
      ${insert.values})
  returning t.* into _new;`,
  )}
  _row_key := ${entityId(bound, '_new')};
  ${lastEntry(s, '_entry', String(bound.rel), '_row_key')}
  select t.* into _now from ${bound.table} t where ${sameKey(bound, 't', '_new')};
  if not found then
    _type := 'DELETE';
    _now := _new;
    _nt := coalesce(${tenantWas(relation, s, '_new')}, _tenant);
  else
    _nt := ${f('tenant')}(_now);
  end if;
  return ${s}.record_one(_tenant, _key, _intent, _intent_hash, ${bound.rel}, _row_key, _type,
    case when _entry.type <> 'DELETE' then _entry.tenant else _nt end, _nt, '{}', ${f('data')}(_now),
    ${rowJson(bound, '_now')},
    null, _transaction_id, _participant_id, _participant_kind, _most);
end `
}

function changeBody(
  bound: BoundModel,
  options: CompileOptions,
  type: Exclude<OperationType, 'CREATE'>,
): string {
  const { schema: s } = options
  const relation = relationOf(bound, options)
  const f = (verb: string): string => relationFunction(s, bound.rel, verb)
  // a delete under FOR NO KEY UPDATE would have to strengthen its lock, and could deadlock with foreign keys doing so
  const lock = type === 'DELETE' ? 'for update' : 'for no key update'
  return `
#variable_conflict use_variable
declare
  _old ${bound.table}; _new ${bound.table}; _now ${bound.table};
  _type text := '${type}'; _found boolean; _answer text; _stale jsonb; _current text; _x text; _entry ${s}.entry;
  _was text; _nt text; _fields text; _rows int;
begin
  ${RESERVE(s)}

  -- a look before any lock: what is stale stays stale, and a refusal here has no transaction id and flushes nothing
  -- point: look
  if _read_at is not null and _on_stale = 'reject' then
    ${lastEntry(s, '_entry', String(bound.rel), '_id')}
    if _entry.position > _read_at then
      ${judgeUnheld(bound, options)}
      if _stale is not null then
      ${staleAnswer(bound, options, '_current')}
      end if;
    end if;
  end if;

  -- point: lock
  select t.* into _old from ${bound.table} t
  where ${keyCondition(bound, 't', '_id')}${ownedBy(bound, options)}
  ${lock};
  _found := found;
  ${lastEntry(s, '_entry', String(bound.rel), '_id')}
  -- point: judge-one
  if _read_at is not null and _on_stale <> 'overwrite' and coalesce(_entry.position, 0) <> _read_at then
    _stale := ${s}.judge(${bound.rel}, _id, _tenant, _read_at, _found);
    if _stale is not null and not (${mayMerge(bound, s, type)}) then
      ${staleAnswer(bound, options, `case when _found then\n        ${rowJson(bound, '_old')} end`)}
    end if;
  end if;
  if not _found then
    ${unflushed}
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"id":' || to_json(_id)::text || '}]}';
  end if;
${type === 'UPDATE' ? inputChecks(bound, options, false) : ''}
  ${writing(bound, options, '_id', change(bound, type))}
  _was := case when _entry.type <> 'DELETE' then _entry.tenant else ${tenantWas(relation, s, '_old')} end;
  -- what triggers, rules and cascades did to the row beneath our statement is in it by now
  select t.* into _now from ${bound.table} t where ${sameKey(bound, 't', '_old')};
  if not found then
    return ${s}.record_one(_tenant, _key, _intent, _intent_hash, ${bound.rel}, _id, 'DELETE', _was, _was, null,
      ${f('data')}(_old),
      ${rowJson(bound, type === 'DELETE' ? '_old' : '_new')},
      null, _transaction_id, _participant_id, _participant_kind, _most);
  end if;
  _nt := ${f('tenant')}(_now);
  return ${s}.record_one(_tenant, _key, _intent, _intent_hash, ${bound.rel}, _id, '${type === 'DELETE' ? 'UPDATE' : type}', _was, _nt,
    case when _was is distinct from _nt then ${f('data')}(_old) end,
    ${f('data')}(_now),
    ${rowJson(bound, '_now')},
    ${f('changed')}(_old, _now), _transaction_id, _participant_id, _participant_kind, _most);
end `
}

function change(bound: BoundModel, type: Exclude<OperationType, 'CREATE'>): string {
  const where = `where ${sameKey(bound, 't', '_old')}\n  returning t.* into _new`
  if (type === 'DELETE') return `delete from ${bound.table} t\n  ${where};`
  if (type !== 'UPDATE') return `update ${bound.table} t set\n      ${archiving(bound, type)}\n  ${where};`
  if (bound.columnTriggers) return updateText(bound, '_input', '_old', '_new')
  return `update ${bound.table} t set\n      ${assignments(bound, '_input', 't')}\n  ${where};`
}

/** Archiving twice keeps the first time. */
export function archiving(bound: BoundModel, type: OperationType): string {
  const { column } = boundField(bound, bound.model.archive?.name as string)
  return `${column.sql} = ${type === 'ARCHIVE' ? `coalesce(t.${column.sql}, ${commitTime(column)})` : 'null'}`
}

/** Whether an operation that came late touches none of the fields that changed meanwhile. */
function mayMerge(bound: BoundModel, s: string, type: OperationType): string {
  if (type === 'DELETE' || type === 'CREATE') return 'false'
  const mine =
    type === 'UPDATE'
      ? 'array(select jsonb_object_keys(_input))'
      : `array['${bound.model.archive?.name}'::text]`
  return `_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array'
      and not ${s}.named(${wordsLiteral(bound)}, _stale -> 'changed') ?| ${mine}`
}

/** What input must satisfy before anything is written: exact values, and references to rows that the tenant has. */
function inputChecks(bound: BoundModel, options: CompileOptions, creating: boolean): string {
  const { schema: s } = options
  const rounded = inexactInput(bound, '_input')
  const exact = rounded === null ? '' : `  if ${rounded} then\n    ${inexactValue(s)}\n  end if;\n`
  const foreign = foreignReferences(bound, options, { input: '_input', id: '_id' }, creating).map(
    ({ condition, model }) => `  if ${condition} then
    ${unflushed}
    return 'refused {"code":"entity_not_found","operations":[{"index":0,"model":"${model}"}]}';
  end if;
`,
  )
  return `${exact}${foreign.join('')}`
}

/** A customer's force_custom_plan would double the cost of a commit; a lock must not be waited for without end. */
export const settings = ({ lockTimeout, models }: CompileOptions, only?: BoundModel): string => {
  const bound = only === undefined ? [...models.values()] : [only]
  return `set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set lock_timeout = '${lockTimeout}'${pins(bound)}`
}

/** Keeps the session's settings out of the texts of types that go by them. */
const pins = (models: readonly BoundModel[]): string =>
  models.some(({ pinned: needed }) => needed)
    ? Object.entries(pinned)
        .map(([name, value]) => ` set ${name} = '${value}'`)
        .join('')
    : ''
