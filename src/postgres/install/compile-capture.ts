import type { BoundModel } from '../model/bound-model.ts'
import { boundField, entityId, rowJson, tenantOf } from '../model/bound-model.ts'
import type { CompileOptions } from './compile-one.ts'
import { pins } from './compile-one.ts'
import { changedFields } from './compile-write.ts'

/**
 * Triggers that log the writes which bypass the endpoint: psql, a cron job, another service, a cascade. They stand
 * down for the endpoint's own statement (marked by the depth at which it runs) and not for what customer triggers
 * do beneath it, so that every change leaves one event.
 *
 * SECURITY DEFINER, unlike the rest: whoever may write the table must not need rights on our log, and must not be
 * able to write the log by themselves.
 */
export function compileCapture(bound: BoundModel, options: CompileOptions): readonly string[] {
  const { schema: s } = options
  const trigger = `${s}_capture`
  if (bound.model.capture === undefined) return []
  if (!bound.model.capture) return [removal(bound.table, trigger)]
  const name = `${s}."${bound.model.name}_capture"`
  const truncate = `${s}."${bound.model.name}_capture_truncate"`
  return [
    captureFunction(bound, options, name),
    `create or replace trigger ${trigger} after insert or update or delete on ${bound.table} for each row
  when (current_setting('${s}.commit', true) is distinct from pg_trigger_depth()::text)
  execute function ${name}()`,
    truncateFunction(bound, options, truncate),
    `create or replace trigger ${trigger}_truncate before truncate on ${bound.table} for each statement
  execute function ${truncate}()`,
  ]
}

/** Looks first: DROP TRIGGER locks the table against everybody, whether there is a trigger or not. */
const removal = (table: string, trigger: string): string => `do $postern$
begin
  if exists (select from pg_trigger g where g.tgrelid = '${table.replaceAll("'", "''")}'::regclass and g.tgname = '${trigger}') then
    drop trigger ${trigger} on ${table};
    drop trigger if exists ${trigger}_truncate on ${table};
  end if;
end $postern$`

function captureFunction(bound: BoundModel, options: CompileOptions, name: string): string {
  const { schema: s, models } = options
  const { model, key } = bound
  const append = (
    row: string,
    type: string,
    changed: string,
    tenant = tenantOf(bound, models, row, s),
  ): string =>
    `perform ${s}.append('${model.name}', ${entityId(bound, row)}, ${type}, ${tenant},
      ${rowJson(bound, row)}, ${changed});`
  const archive = model.archive === undefined ? null : boundField(bound, model.archive.name).column.sql
  const updateType =
    archive === null
      ? `'UPDATE'`
      : `case when _new.${archive} is not null and old.${archive} is null then 'ARCHIVE'
      when _new.${archive} is null and old.${archive} is not null then 'UNARCHIVE' else 'UPDATE' end`
  const moved = movedTenant(bound, options)
  return `-- ${model.name}: logs what was written around the endpoint
create or replace function ${name}() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp${pins([bound])} as $postern$
#variable_conflict use_variable
declare _new ${bound.table}; _side boolean; _x text;
begin
  -- a write beneath a trigger may overtake the one that fired it: from here on, events tell the row as it is by now
  if pg_trigger_depth() > 1 and current_setting('${s}.side', true) is distinct from '1' then
    _x := set_config('${s}.side', '1', true);
  end if;
  _side := current_setting('${s}.side', true) = '1';
  if tg_op = 'DELETE' then
    _new := old;
    if _side then
      select t.* into _new from ${bound.table} t where t.${key.column.sql} = old.${key.column.sql};
      if found then
        ${append('_new', `'UPDATE'`, changedFields(bound, 'old', '_new'))}
        return null;
      end if;
      _new := old;
    end if;
    ${append('_new', `'DELETE'`, 'null')}
    return null;
  end if;

  _new := new;
  if _side then
    select t.* into _new from ${bound.table} t where t.${key.column.sql} = new.${key.column.sql};
    if not found then
      _new := new;
      ${append('_new', `'DELETE'`, 'null')}
      return null;
    end if;
  end if;
  if tg_op = 'UPDATE' and (old.${key.column.sql} is distinct from new.${key.column.sql}${moved}) then
    -- another id, or another tenant's by now: to those who followed the row it is gone
    ${append('old', `'DELETE'`, 'null')}
    ${append('_new', `'CREATE'`, 'null')}
    return null;
  end if;
  if tg_op = 'INSERT' then
    ${append('_new', `'CREATE'`, 'null')}
  else
    ${append('_new', updateType, changedFields(bound, 'old', '_new'))}
  end if;
  return null;
end $postern$`
}

/** The condition that an update gave the row to another tenant. */
function movedTenant(bound: BoundModel, { schema: s, models }: CompileOptions): string {
  const { policy } = bound.model
  if (policy.by === 'none') return ''
  if (policy.by === 'column') return ` or old.${bound.tenant?.sql} is distinct from new.${bound.tenant?.sql}`
  const fk = boundField(bound, policy.fk).column.sql
  return ` or old.${fk} is distinct from new.${fk}
    and ${tenantOf(bound, models, 'old', s)} is distinct from ${tenantOf(bound, models, 'new', s)}`
}

function truncateFunction(bound: BoundModel, { schema: s, models }: CompileOptions, name: string): string {
  return `-- ${bound.model.name}: a TRUNCATE deletes every row
create or replace function ${name}() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp${pins([bound])} as $postern$
#variable_conflict use_variable
begin
  perform ${s}.append('${bound.model.name}', ${entityId(bound, 't')}, 'DELETE', ${tenantOf(bound, models, 't', s)},
    ${rowJson(bound, 't')}, null)
  from ${bound.table} t order by t.${bound.key.column.sql};
  return null;
end $postern$`
}

/**
 * For an application that says its own changes, inside its own transaction and after its own write, instead of
 * triggers: reads the row as it is and logs it.
 */
export function compileRecord(bound: BoundModel, options: CompileOptions): string {
  const { schema: s, models } = options
  const key = bound.key.column
  return `-- ${bound.model.name}: logs a change that the application made by itself; answers its stamp, null when there is no such row
create or replace function ${options.name(bound, 'record')}(_type text, _id text, _changed text[]) returns bigint
language plpgsql${pins([bound])} as $postern$
#variable_conflict use_variable
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  perform 1 from ${bound.table} t where t.${key.sql} = _id::${key.type} for no key update;
  return (select ${s}.append('${bound.model.name}', ${entityId(bound, 't')}, _type, ${tenantOf(bound, models, 't', s)},
      ${rowJson(bound, 't')}, _changed)
    from ${bound.table} t where t.${key.sql} = _id::${key.type});
end $postern$`
}
