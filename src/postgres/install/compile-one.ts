import type { OperationType } from '../../core/schema/operation.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import {
  boundField,
  castTenant,
  entityId,
  parentCondition,
  rowJson,
  tenantCondition,
} from '../model/bound-model.ts'
import { decode, pinned, scalarValue } from '../model/column-values.ts'
import { assignments, changedFields, commitTime, createId, inexactInput, insertion } from './compile-write.ts'

/** How compiled functions are named: `postern.tasks_update_1f3a9c2b`, the digest of the schema last. */
export type NameFunction = (bound: BoundModel, verb: string) => string

export interface CompileOptions {
  /** Our database schema, quoted. */
  readonly schema: string
  readonly name: NameFunction
  readonly models: BoundModels
  /** Longest wait for a row's or a key's lock, as Postgres spells it. */
  readonly lockTimeout: string
  /** See `lockNamespace`. */
  readonly namespace: number
}

/** The head that every compiled function of one operation shares; `oneArguments` in plan.ts sends them in this order. */
const PARAMETERS = `_tenant text, _key text, _intent text, _intent_hash text, _id text, _input jsonb, _read_at bigint,
  _on_stale text, _transaction_id text, _participant_id text, _participant_kind text`

/**
 * The functions for a commit of one operation: one static function per model and operation type, because a plan
 * that is kept costs a third of one that is made anew, and one call is one round trip. The steps are those of
 * docs/commit-protocol.md, in their order.
 */
export function compileOne(bound: BoundModel, options: CompileOptions): readonly string[] {
  const verbs: Record<OperationType, (bound: BoundModel, options: CompileOptions) => string> = {
    CREATE: createFunction,
    UPDATE: (b, o) => changeFunction(b, o, 'UPDATE'),
    DELETE: (b, o) => changeFunction(b, o, 'DELETE'),
    ARCHIVE: (b, o) => changeFunction(b, o, 'ARCHIVE'),
    UNARCHIVE: (b, o) => changeFunction(b, o, 'UNARCHIVE'),
  }
  return [...bound.model.mutable].map((type) => verbs[type](bound, options))
}

function createFunction(bound: BoundModel, options: CompileOptions): string {
  const { schema: s } = options
  const key = bound.key.column
  const id = createId(bound, scalarValue(key.base, key.type, '_id'))
  const tenant = bound.tenant === null ? '' : castTenant(bound.tenant, '_tenant')
  const insert = insertion(bound, '_input', id, tenant)
  return `-- ${bound.model.name}: a commit of one CREATE
create or replace function ${options.name(bound, 'create')}(
  ${PARAMETERS}
) returns text language plpgsql ${settings(options, bound)} as $postern$
#variable_conflict use_variable
declare _new ${bound.table}; _now ${bound.table}; _type text := 'CREATE'; _answer text; _stale jsonb; _x text;
begin
  _answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;
${createJudgement(bound, options)}${inputChecks(bound, options, true)}
  ${mark(options)}
  insert into ${bound.table} as t (${insert.columns})${insert.overriding}
  values (
      ${insert.values})
  returning t.* into _new;
  if not found then
    raise exception '${s}: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('${s}.commit', '', true);
${rowByNow(bound, options)}  return ${recordOne(bound, options, 'null')};
end $postern$`
}

/** A create decided on the row's absence. */
function createJudgement(bound: BoundModel, { schema: s, models }: CompileOptions): string {
  const { name } = bound.model
  const owned = tenantCondition(bound, models, 't', '_tenant')
  const key = bound.key.column
  return `  if _read_at is not null and _on_stale <> 'overwrite' and _id is not null then
    select t.* into _new from ${bound.table} t where t.${key.sql} = ${scalarValue(key.base, key.type, '_id')}${
      owned === null
        ? ''
        : `
      and ${owned}`
    };
    _stale := ${s}.judge('${name}', _id, ${logTenant(bound)}, _read_at, found);
    if _stale is not null then
      -- decided on its absence: whatever happened to it since, it was created
      if _stale ->> 'reason' = 'changed' then _stale := _stale || '{"reason":"created"}'; end if;
      _x := ${s}.stale_entry(0, '${name}', _id, _read_at, _stale, case when _new.${key.sql} is not null then
        ${rowJson(bound, '_new')} end);
      if _on_stale = 'notify' then return ${s}.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
      return 'E{"code":"stale_context","operations":[' || _x || ']}';
    end if;
  end if;
`
}

function changeFunction(
  bound: BoundModel,
  options: CompileOptions,
  type: Exclude<OperationType, 'CREATE'>,
): string {
  const { schema: s, models } = options
  const { name } = bound.model
  const key = bound.key.column
  const owned = tenantCondition(bound, models, 't', '_tenant')
  const and = owned === null ? '' : `\n    and ${owned}`
  const id = scalarValue(key.base, key.type, '_id')
  // a delete under FOR NO KEY UPDATE would have to strengthen its lock, and could deadlock with foreign keys doing so
  const lock = type === 'DELETE' ? 'for update' : 'for no key update'
  return `-- ${name}: a commit of one ${type}
create or replace function ${options.name(bound, type.toLowerCase())}(
  ${PARAMETERS}
) returns text language plpgsql ${settings(options, bound)} as $postern$
#variable_conflict use_variable
declare
  _old ${bound.table}; _new ${bound.table}; _now ${bound.table};
  _type text := '${type}'; _found boolean; _answer text; _stale jsonb; _x text;
begin
  _answer := ${s}.reserve(_tenant, _key, _intent, _intent_hash);
  if _answer is not null then return _answer; end if;

  select t.* into _old from ${bound.table} t
  where t.${key.sql} = ${id}${and}
  ${lock};
  _found := found;
  if _read_at is not null and _on_stale <> 'overwrite' then
    _x := case when _found then ${entityId(bound, '_old')} else _id end;
${changedSince(bound, options)}
      _stale := ${s}.judge('${name}', _x, ${logTenant(bound)}, _read_at, _found);
      if _stale is not null and not (${mayMerge(bound, type)}) then
        _x := ${s}.stale_entry(0, '${name}', _id, _read_at, _stale, case when _found then
        ${rowJson(bound, '_old')} end);
        if _on_stale = 'notify' then return ${s}.record_held(_tenant, _key, _intent, _intent_hash, _x); end if;
        return 'E{"code":"stale_context","operations":[' || _x || ']}';
      end if;
    end if;
  end if;
  if not _found then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"${name}","id":' || to_json(_id)::text || '}]}';
  end if;
${type === 'UPDATE' ? inputChecks(bound, options, false) : ''}
  ${mark(options)}
  ${change(bound, type)}
  if not found then
    raise exception '${s}: a trigger suppressed the write' using errcode = 'PN409';
  end if;
  _x := set_config('${s}.commit', '', true);
${rowByNow(bound, options)}  return ${recordOne(bound, options, type === 'DELETE' ? 'null' : changedFields(bound, '_old', '_new'))};
end $postern$`
}

/** Most decisions are fresh, and one look shows it: the judgement itself costs three times as much. */
function changedSince(bound: BoundModel, { schema: s }: CompileOptions): string {
  return `    perform 1 from ${s}.outbox e
    where (e.entity_id, e.model, e.position) > (_x, '${bound.model.name}', _read_at)
      and (e.entity_id, e.model, e.position) < (_x, '${bound.model.name}', 9223372036854775807)
      and e.tenant = ${logTenant(bound)}
    order by e.entity_id, e.model, e.position limit 1;
    if found or _read_at > coalesce(pg_sequence_last_value('${s}.position_seq'), 0) then`
}

/** Whose log a row's changes stand in. */
const logTenant = (bound: BoundModel): string => (bound.model.policy.by === 'none' ? `''` : '_tenant')

function change(bound: BoundModel, type: Exclude<OperationType, 'CREATE'>): string {
  const key = bound.key.column
  const where = `where t.${key.sql} = _old.${key.sql}\n  returning t.* into _new`
  if (type === 'DELETE') return `delete from ${bound.table} t\n  ${where};`
  const set = type === 'UPDATE' ? assignments(bound, '_input', 't') : archiving(bound, type)
  return `update ${bound.table} t set\n      ${set}\n  ${where};`
}

/** Archiving twice keeps the first time. */
export function archiving(bound: BoundModel, type: OperationType): string {
  const { column } = boundField(bound, bound.model.archive?.name as string)
  return `${column.sql} = ${type === 'ARCHIVE' ? `coalesce(t.${column.sql}, ${commitTime(column)})` : 'null'}`
}

/** Whether an operation that came late touches none of the fields that changed meanwhile. */
function mayMerge(bound: BoundModel, type: OperationType): string {
  if (type === 'DELETE' || type === 'CREATE') return 'false'
  const mine =
    type === 'UPDATE' ? 'array(select jsonb_object_keys(_input))' : `array['${bound.model.archive?.name}']`
  return `_on_stale = 'merge' and _found and jsonb_typeof(_stale -> 'changed') = 'array' and not _stale -> 'changed' ?| ${mine}`
}

/** What input must satisfy before anything is written: exact values, and a parent of the same tenant. */
function inputChecks(bound: BoundModel, options: CompileOptions, creating: boolean): string {
  const rounded = inexactInput(bound, '_input')
  const exact =
    rounded === null
      ? ''
      : `  if ${rounded} then
    raise exception '${options.schema}: a value has more digits than its column keeps' using errcode = '22003';
  end if;
`
  const { policy } = bound.model
  if (policy.by !== 'parent') return exact
  const parent = options.models.get(policy.parent) as BoundModel
  const reference = decode(boundField(bound, policy.fk).column, '_input', policy.fk)
  const owned = parentCondition(parent, options.models, reference, '_tenant')
  return `${exact}  if ${creating ? '' : `_input ? '${policy.fk}' and `}not ${owned} then
    return 'E{"code":"entity_not_found","operations":[{"index":0,"model":"${policy.parent}"}]}';
  end if;
`
}

/**
 * A trigger of the customer may have changed the row beneath our statement: the log's last word on it must be what
 * is committed. Tables without such triggers only look whether one of another table wrote captured rows.
 */
function rowByNow(bound: BoundModel, { schema: s }: CompileOptions): string {
  const key = bound.key.column.sql
  return `  if ${bound.triggers ? 'true' : `current_setting('${s}.side', true) = '1'`} then
    select t.* into _now from ${bound.table} t where t.${key} = _new.${key};
    if not found then
      _type := 'DELETE';
    else
      _new := _now;
      if _type = 'DELETE' then _type := 'UPDATE'; end if;
    end if;
  end if;
`
}

function recordOne(bound: BoundModel, { schema: s }: CompileOptions, changed: string): string {
  return `${s}.record_one(_tenant, _key, _intent, _intent_hash, '${bound.model.name}', ${entityId(bound, '_new')}, _type, ${logTenant(bound)},
      ${rowJson(bound, '_new')},
      ${changed},
      _transaction_id, _participant_id, _participant_kind)`
}

/**
 * Tells capture triggers to stand down for our own statement, and whose commit it is to those that fire beneath it.
 */
export function mark({ schema: s, models }: CompileOptions): string {
  const byParent = [...models.values()].some(({ model }) => model.capture && model.policy.by === 'parent')
  const commit = `_x := set_config('${s}.commit', pg_trigger_depth()::text, true);`
  return byParent ? `${commit}\n  _x := set_config('${s}.tenant', _tenant, true);` : commit
}

/** A customer's force_custom_plan would double the cost of a commit; a lock must not be waited for without end. */
export const settings = ({ lockTimeout, models }: CompileOptions, only?: BoundModel): string => {
  const bound = only === undefined ? [...models.values()] : [only]
  return `set plan_cache_mode = force_generic_plan set lock_timeout = '${lockTimeout}'${pins(bound)}`
}

/** Keeps the session's settings out of the texts of types that go by them. */
export const pins = (models: readonly BoundModel[]): string =>
  models.some(({ pinned: needed }) => needed)
    ? Object.entries(pinned)
        .map(([name, value]) => ` set ${name} = '${value}'`)
        .join('')
    : ''
