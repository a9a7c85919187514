import type { BoundModels } from '../model/bound-model.ts'
import { boundField, entityId, keyColumns, keyCondition, tenantOf } from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { encode } from '../model/column-values.ts'
import { setting } from '../signals.ts'
import type { Statement } from '../sql/statement.ts'
import { functionStatement, statement } from '../sql/statement.ts'
import { lastEntry } from './fragments.ts'
import type { Relation } from './relation.ts'

/**
 * What every installed schema version shares of one table: how a row is written into the log, whose it is, and telling.
 *
 * The rule: after each change of a row, and before the writer's transaction can end, its key is told. Telling does not
 * say what the change was. It compares what the log told last of this key with the row as it is now, and appends what
 * leads from the one to the other. Telling once too often adds an entry; telling in another order than the changes
 * came changes nothing, for the last telling sees the last state.
 *
 * A commit tells its own rows itself, at its end; the triggers leave out these rows and no others.
 */
export interface RelationOptions {
  readonly schema: string
  readonly models: BoundModels
}

const TRIGGER = `language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off
set plan_cache_mode = force_generic_plan set enable_seqscan = off`
const PLAIN = 'language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off'

export function compileRelation(relation: Relation, options: RelationOptions): readonly Statement[] {
  return [
    ...rowFunctions(relation, options),
    ...(relation.parent === null ? [] : [ancestorsFunction(relation, options)]),
    tellFunction(relation, options),
    rowTrigger(relation, options),
    statementTrigger(relation, options),
    truncateTrigger(relation, options),
    ...(relation.scope === 'none' ? [] : [baseTrigger(relation, options)]),
    ...(relation.parent === null ? [] : moveFunctions(relation, options)),
    ...triggers(relation, options),
  ]
}

/** A function of a relation, as SQL calls it. */
export const relationFunction = (s: string, rel: number, verb: string): string => `${s}."r${rel}_${verb}"`

/** Types whose `=` takes no two texts for one: the value is compared, not its text. */
const exact = new Set([
  'text',
  'varchar',
  'int2',
  'int4',
  'int8',
  'bool',
  'uuid',
  'bytea',
  'date',
  'timestamptz',
])

/** Whether the texts of two values differ: a type's own equality takes 1.0 for 1.00, and some have none. */
function differs(column: Column, one: string, other: string): string {
  const [a, b] = [`${one}.${column.sql}`, `${other}.${column.sql}`]
  if (['text', 'varchar'].includes(column.base) && !column.isArray)
    return `${a} collate "C" is distinct from ${b} collate "C"`
  return exact.has(column.base) && !column.isArray
    ? `${a} is distinct from ${b}`
    : `${a}::text is distinct from ${b}::text`
}

/** `data`, `gone`, `tenant`, `changed`, `type`: expressions over a row, small enough to be put into their callers' plans. */
function rowFunctions(relation: Relation, { schema: s, models }: RelationOptions): Statement[] {
  const { rel, table, kept, archives, bound } = relation
  const members = (row: string, gone: boolean): string =>
    kept
      .map((column, index) => {
        const value =
          gone && column.virtual !== null
            ? `(select ${column.virtual} from (select (${row}).*) g)`
            : `(${row}).${column.sql}`
        return `'${index === 0 ? '{' : ','}"${column.attnum}":'::text || coalesce(${encode(column, value)}, 'null'::text)`
      })
      .join('\n  || ')
  const sql = (verb: string, comment: string, parameters: string, returns: string, body: string): Statement =>
    functionStatement({
      schema: s,
      name: `r${rel}_${verb}`,
      comment: `${table.sql}: ${comment}`,
      parameters,
      returns,
      attributes: 'language sql stable',
      body: `\n  select ${body}\n`,
    })
  const stamped = (row: string): string => `(${row})`
  const archived = archives
    .map(({ sql: name }) => {
      const [was, is] = [`(_old).${name}`, `(_new).${name}`]
      return `when ${was} is null and ${is} is not null then 'ARCHIVE'::text
    when ${was} is not null and ${is} is null then 'UNARCHIVE'::text`
    })
    .join('\n    ')
  const changed = kept
    .filter(({ virtual }) => virtual === null)
    .map((column) => `case when ${differs(column, '(_old)', '(_new)')} then ${column.attnum}::int2 end`)
    .join(',\n    ')
  return [
    sql(
      'data',
      'a row as the log keeps it',
      `_row ${table.sql}`,
      'text',
      `${members('_row', false)} || '}'::text`,
    ),
    sql(
      'gone',
      'a row that is no longer there',
      `_row ${table.sql}`,
      'text',
      `${members('_row', true)} || '}'::text`,
    ),
    sql('tenant', 'whose row it is', `_row ${table.sql}`, 'text', tenantOf(bound, models, stamped('_row'))),
    sql(
      'changed',
      'the columns whose text differs',
      `_old ${table.sql}, _new ${table.sql}`,
      'int2[]',
      `pg_catalog.array_remove(array[\n    ${changed}], null)`,
    ),
    sql(
      'type',
      'what an update is called',
      `_old ${table.sql}, _new ${table.sql}`,
      'text',
      archived === '' ? `'UPDATE'::text` : `case ${archived} else 'UPDATE'::text end`,
    ),
  ]
}

/** Whose row it was: of a row that the log never told of, or whose parent is gone already, what the log knows of the parent. */
export function tenantWas({ rel, bound, parent }: Relation, s: string, row: string): string {
  const tenant = `${relationFunction(s, rel, 'tenant')}(${row})`
  const { policy } = bound.model
  if (policy.by !== 'parent' || parent === null) return tenant
  const fk = boundField(bound, policy.fk).column
  return `coalesce(${tenant}, ${s}.last_tenant(${parent.rel}, (${row}).${fk.sql}::text))`
}

/** Under an older snapshot the ancestors are seen where they were: locking them fails with 40001 if they changed since. */
function ancestorsFunction(relation: Relation, { schema: s }: RelationOptions): Statement {
  const parent = relation.parent as Relation
  const above = parent.bound.model.policy
  const key = parent.bound.key.column
  const up =
    above.by === 'parent'
      ? `\n  perform ${relationFunction(s, parent.rel, 'ancestors')}(p.${boundField(parent.bound, above.fk).column.sql}) from ${parent.table.sql} p where p.${key.sql} = _id;`
      : ''
  return functionStatement({
    schema: s,
    name: `r${relation.rel}_ancestors`,
    comment: `${relation.table.sql}: locks the rows that a row's tenant comes from`,
    parameters: `_id ${key.type}`,
    returns: 'void',
    attributes: PLAIN,
    body: `
begin
  perform 1 from ${parent.table.sql} p where p.${key.sql} = _id for key share;${up}
end `,
  })
}

function lockAncestors({ rel, bound, parent }: Relation, s: string, row: string, when: string): string {
  const { policy } = bound.model
  if (policy.by !== 'parent' || parent === null) return ''
  const fk = boundField(bound, policy.fk).column.sql
  return `
  if ${when} and current_setting('transaction_isolation') <> 'read committed' then
    perform ${relationFunction(s, rel, 'ancestors')}(${row}.${fk});
  end if;`
}

const keptNumbers = ({ kept }: Relation): string =>
  `'{${kept.map(({ attnum }) => attnum).join(',')}}'::int2[]`

function tellFunction(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  const f = (verb: string): string => relationFunction(s, rel, verb)
  return functionStatement({
    schema: s,
    name: `r${rel}_tell`,
    comment: `${table.sql}: tells a row: appends what leads from the last entry to the row as it is now`,
    parameters: `_key text, _old ${table.sql}, _had boolean`,
    returns: 'bigint',
    attributes: PLAIN,
    body: `
#variable_conflict use_variable
declare
  _now ${table.sql}; _found boolean; _was boolean; _wt text; _nt text; _type text; _p bigint; _data text; _gone text := '{}';
  _changed int2[]; _entry ${s}.entry;
begin
  perform ${s}.register();
  ${lastEntry(s, '_entry', String(rel), '_key')}
  _was := coalesce(_entry.type <> 'DELETE', false);
  _wt := _entry.tenant;
  if not _was and _had then
    _was := true;
    _wt := ${tenantWas(relation, s, '_old')};
  end if;${lockAncestors(relation, s, '_old', '_had')}
  if current_setting('transaction_isolation') = 'read committed' then
    select t.* into _now from ${table.sql} t where ${keyCondition(bound, 't', '_key')};
  else
    -- a row that another has deleted since the snapshot is still seen, beside the one inserted in its place
    select t.* into _now from ${table.sql} t where ${keyCondition(bound, 't', '_key')} order by age(t.xmin) limit 1;
  end if;
  _found := found;${lockAncestors(relation, s, '_now', '_found')}
  if _found then _nt := ${f('tenant')}(_now); end if;
  -- a block that writes nothing takes no transaction id
  begin
    _type := 'UPDATE';
    if _found then
      _data := ${f('data')}(_now);
      if _was and _had then
        _changed := ${f('changed')}(_old, _now);
        _type := ${f('type')}(_old, _now);
      end if;
    end if;
    if _had and (not _found or _wt is distinct from _nt) then _gone := ${f('gone')}(_old); end if;
  exception when undefined_column or undefined_function or datatype_mismatch then
    -- the table was changed, and nobody has migrated since: by the catalogue, which columns changed is not known
    _data := ${s}.encode_row('${literal(table.sql)}', to_jsonb(_now), ${keptNumbers(relation)});
    if _had then _gone := ${s}.encode_row('${literal(table.sql)}', to_jsonb(_old), ${keptNumbers(relation)}); end if;
    _changed := null;
  end;
  -- point: tell-moved
  if _was and (not _found or _wt is distinct from _nt) then
    _p := nextval('${s}.position_seq');
    insert into ${s}.log (position, rel, key, tenant, type, data) values (_p, ${rel}, _key, _wt, 'DELETE', _gone);
    _was := false;
  end if;
  if _found then
    _p := nextval('${s}.position_seq');
    insert into ${s}.log (position, rel, key, tenant, type, data, changed)
    values (_p, ${rel}, _key, _nt, case when _was then _type else 'CREATE' end, _data, case when _was then _changed end);
  end if;
  return _p;
end `,
  })
}

const literal = (text: string): string => text.replaceAll("'", "''")

/** A row of a trigger as one of the table's type. A partition's columns may stand in another order. */
const asRow = ({ table }: Relation, row: string): string =>
  table.kind === 'p' ? `jsonb_populate_record(null::${table.sql}, to_jsonb(${row}))` : row

/** The same of a set. Virtual columns have no value there, and a set's rows cannot be named whole where there are some. */
function setRow({ table, bound }: Relation, alias: string): string {
  if (table.kind === 'p') return `jsonb_populate_record(null::${table.sql}, to_jsonb(${alias}))`
  if (bound.columns.every(({ virtual }) => virtual === null)) return `row(${alias}.*)::${table.sql}`
  const values = bound.columns.map(({ sql, virtual }) => (virtual === null ? `${alias}.${sql}` : 'null'))
  return `row(${values.join(', ')})::${table.sql}`
}

/** Beneath a commit of one row: everything that is not that row. */
function rowTrigger(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  const tell = relationFunction(s, rel, 'tell')
  const [oldKey, newKey] = [entityId(bound, 'old'), entityId(bound, 'new')]
  const own = (key: string): string => `'${rel}:' || ${key} <> current_setting(${setting(s, 'own')}, true)`
  return functionStatement({
    schema: s,
    name: `r${rel}_row`,
    comment: `${table.sql}: tells what a commit of another row wrote beneath`,
    parameters: '',
    returns: 'trigger',
    attributes: TRIGGER,
    body: `
#variable_conflict use_variable
declare _old ${table.sql};
begin
  if tg_op = 'INSERT' then
    if ${own(newKey)} then perform ${tell}(${newKey}, null, false); end if;
    return null;
  end if;
  _old := ${asRow(relation, 'old')};
  if ${own(oldKey)} then perform ${tell}(${oldKey}, _old, true); end if;
  if tg_op = 'UPDATE' then
    if ${oldKey} <> ${newKey} and ${own(newKey)} then perform ${tell}(${newKey}, null, false); end if;
  end if;
  return null;
end `,
  })
}

/** Writers by hand, and what is written beneath a commit of several rows. */
function statementTrigger(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  const tell = relationFunction(s, rel, 'tell')
  const row = (alias: string): string => setRow(relation, alias)
  const olds = `select ${entityId(bound, 'x')} as key, ${row('x')} as old, true as had from old_rows x`
  const news = `select ${entityId(bound, 'x')} as key, null::${table.sql} as old, false as had from new_rows x`
  const fresh = `${news} where not exists (select from old_rows y where ${entityId(bound, 'y')} = ${entityId(bound, 'x')})`
  const touched: Readonly<Record<string, string>> = {
    INSERT: news,
    DELETE: olds,
    UPDATE: `${olds} union all ${fresh}`,
  }
  const both = (op: string): string => touched[op] as string
  const oneByOne = (op: string): string => `for _t in select * from (${both(op)}) k
        where not _several or ('${rel}:' || k.key is distinct from _alone
          and strpos(current_setting(${setting(s, 'own_rows')}, true), ',' || to_json('${rel}:' || k.key)::text) = 0) loop
        perform ${tell}(_t.key, _t.old, _t.had);
      end loop;`
  const branches = (work: (op: string) => string): string => `if tg_op = 'INSERT' then
      ${work('INSERT')}
    elsif tg_op = 'DELETE' then
      ${work('DELETE')}
    else
      ${work('UPDATE')}
    end if;`
  return functionStatement({
    schema: s,
    name: `r${rel}_statement`,
    comment: `${table.sql}: tells what a statement wrote`,
    parameters: '',
    returns: 'trigger',
    attributes: TRIGGER,
    body: `
#variable_conflict use_variable
declare _n int; _t record; _several boolean; _alone text; _plain boolean;
begin
  -- point: own-rows
  _several := coalesce(current_setting(${setting(s, 'own')}, true) = '*', false);
  if _several then _alone := current_setting(${setting(s, 'own_row')}, true); end if;
  -- most statements write one row, and the set's plan costs more than one row's
  if tg_op = 'INSERT' then
    select count(*) into _n from (select from new_rows limit 2) x;
  else
    select count(*) into _n from (select from old_rows limit 2) x;
  end if;
  if _n = 0 then return null; end if;
  _plain := _n > 1 and current_setting('transaction_isolation') = 'read committed';
  if not _plain then
    ${branches(oneByOne)}
    return null;
  end if;
  perform ${s}.register();
  begin
    ${branches(
      (op) =>
        `${insertMany(
          relation,
          s,
          `select * from (${both(op)}) k where '${rel}:' || k.key not in (
      select jsonb_array_elements_text(('[0' || case when _several then current_setting(${setting(s, 'own_rows')}, true) else '' end || ']')::jsonb))`,
        )};`,
    )}
  exception when undefined_column or undefined_function or datatype_mismatch then
    ${branches(oneByOne)}
  end;
  return null;
end `,
  })
}

/** Telling of a set. The plan is kept from a first call with one row: no join may rest on an estimate, each look-up is lateral behind a fence. */
function insertMany(relation: Relation, s: string, touched: string): string {
  const { rel, table, bound } = relation
  const f = (verb: string): string => relationFunction(s, rel, verb)
  return `insert into ${s}.log (position, rel, key, tenant, type, data, changed)
      select nextval('${s}.position_seq'), ${rel}, e.* from (
        select k.key, e.tenant, e.type, e.data, e.changed from (${touched}) k
        left join lateral (
          select l.tenant, l.type <> 'DELETE' as told from ${s}.log l where (l.key, l.rel) = (k.key, ${rel})
          order by l.key desc, l.rel desc, l.position desc limit 1) l on true
        left join lateral (select "the row" as r from ${table.sql} "the row" where ${keyCondition(bound, '"the row"', 'k.key')} limit 1) t on true
        cross join lateral (
          select coalesce(l.told, false) or k.had as was, ${entityId(bound, '(t.r)')} is not null as found,
            case when l.told then l.tenant when k.had then ${tenantWas(relation, s, 'k.old')} end as wt,
            case when ${entityId(bound, '(t.r)')} is not null then ${f('tenant')}(t.r) end as nt
          offset 0) w
        cross join lateral (
          select w.wt as tenant, 'DELETE'::text as type, case when k.had then ${f('gone')}(k.old) else '{}'::text end as data, null::int2[] as changed
          where w.was and (not w.found or w.wt is distinct from w.nt)
          union all
          select w.nt, case when not w.was or w.wt is distinct from w.nt then 'CREATE'::text when k.had then ${f('type')}(k.old, t.r) else 'UPDATE'::text end,
            ${f('data')}(t.r), case when k.had and w.was and w.wt is not distinct from w.nt then ${f('changed')}(k.old, t.r) end
          where w.found) e) e`
}

function truncateTrigger(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  const row = setRow(relation, 'k')
  return functionStatement({
    schema: s,
    name: `r${rel}_truncate`,
    comment: `${table.sql}: a TRUNCATE deletes every row`,
    parameters: '',
    returns: 'trigger',
    attributes: TRIGGER,
    body: `
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception '${s}: TRUNCATE of % must run under READ COMMITTED: an older snapshot does not show every row that goes', tg_relid::regclass
      using errcode = '0A000';
  end if;
  perform ${s}.register();
  -- from the partition that is emptied, whatever the statement named
  execute format($e$insert into ${s}.log (position, rel, key, tenant, type, data)
    select nextval('${s}.position_seq'), ${rel}, k.key, case when l.told then l.tenant else ${tenantWas(relation, s, 'k.old')} end, 'DELETE',
      ${relationFunction(s, rel, 'gone')}(k.old)
    from (select ${entityId(bound, 'k')} as key, ${row} as old from only %s k) k
    left join lateral (select l.tenant, l.type <> 'DELETE' as told from ${s}.log l where (l.key, l.rel) = (k.key, ${rel})
      order by l.key desc, l.rel desc, l.position desc limit 1) l on true$e$, tg_relid::regclass);
  return null;
end `,
  })
}

/** A row that the log has never told of: before its tenant changes for the first time, whose it was. */
function baseTrigger(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  return functionStatement({
    schema: s,
    name: `r${rel}_base`,
    comment: `${table.sql}: notes whose row it was before it moves`,
    parameters: '',
    returns: 'trigger',
    attributes: TRIGGER,
    body: `
#variable_conflict use_variable
declare _old ${table.sql} := ${asRow(relation, 'old')}; _entry ${s}.entry;
begin
  ${lastEntry(s, '_entry', String(rel), entityId(bound, '_old'))}
  if _entry.position is null then
    perform ${s}.register();
    insert into ${s}.log (position, rel, key, tenant, type, data)
    values (nextval('${s}.position_seq'), ${rel}, ${entityId(bound, '_old')}, ${tenantWas(relation, s, '_old')}, 'BASE', '{}');
  end if;
  return new;
end `,
  })
}

/** Rows that one move takes along at most, of all tables below its row that hang on one another. */
const MOVED_MAX = 10_000

/**
 * A parent that moves takes its children along, and theirs. Its own row is locked FOR UPDATE first, which waits for
 * those who are adding a child (their foreign key holds FOR KEY SHARE), then each child in the same strength, which
 * waits for those who change it or add to it; then they are told. FOR NO KEY UPDATE on the children is too weak: a
 * grandchild that is being added would be missed.
 */
function moveFunctions(relation: Relation, { schema: s }: RelationOptions): Statement[] {
  const { rel, table, bound } = relation
  const parent = relation.parent as Relation
  const { policy } = bound.model
  if (policy.by !== 'parent') return []
  const fk = boundField(bound, policy.fk).column.sql
  const order = keyColumns(bound, 'x').join(', ')
  const key = bound.key.column.sql
  const parentKey = parent.bound.key.column
  const each = (verb: string, work: string): Statement =>
    functionStatement({
      schema: s,
      name: `r${rel}_${verb}`,
      comment: `${table.sql}: the rows below a parent that moves`,
      // how many rows came before; null: as many as there are
      parameters: `_parent ${parentKey.type}, _n int`,
      returns: 'int',
      attributes: PLAIN,
      body: `
#variable_conflict use_variable
declare _c ${table.sql}; _g int; _entry ${s}.entry;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception '${s}: a row that others get their tenant from must be moved under READ COMMITTED' using errcode = '0A000';
  end if;
  for _c in select x.* from ${table.sql} x where x.${fk} = _parent order by ${order} for update loop
    _n := _n + 1;
    if _n > ${MOVED_MAX} then
      raise exception '${s}: more than ${MOVED_MAX} rows would move with one row, of ${literal(table.sql)} and the tables below it: move them first, in steps' using errcode = '54000';
    end if;
    ${work}
    for _g in select r.rel from ${s}.relation r where r.parent = ${rel} and r.capture loop
      execute format('select ${s}."r%s_${verb}"($1, $2)', _g) into _n using _c.${key}, _n;
    end loop;
  end loop;
  return _n;
end `,
    })
  return [
    // whose row stays is not told: nothing of it has changed, and who has read it is not stale
    each(
      'moved',
      `${lastEntry(s, '_entry', String(rel), entityId(bound, '_c'))}
    -- point: moved
    if _entry.position is null or _entry.type = 'DELETE' or _entry.tenant is distinct from ${relationFunction(s, rel, 'tenant')}(_c) then
      perform ${relationFunction(s, rel, 'tell')}(${entityId(bound, '_c')}, _c, true);
    end if;`,
    ),
    each(
      'bases',
      `${lastEntry(s, '_entry', String(rel), entityId(bound, '_c'))}
    if _entry.position is null then
      perform ${s}.register();
      insert into ${s}.log (position, rel, key, tenant, type, data)
      values (nextval('${s}.position_seq'), ${rel}, ${entityId(bound, '_c')}, ${relationFunction(s, rel, 'tenant')}(_c), 'BASE', '{}');
    end if;`,
    ),
    functionStatement({
      schema: s,
      name: `r${rel}_parent`,
      comment: `${table.sql}: its parent moves, goes or comes`,
      parameters: '',
      returns: 'trigger',
      attributes: TRIGGER,
      body: `
begin
  if tg_when = 'BEFORE' then
    if tg_op = 'UPDATE' then perform 1 from ${parent.table.sql} p where p.${parentKey.sql} = old.${parentKey.sql} for update; end if;
    -- a row that goes takes along what its foreign keys say, however many
    perform ${relationFunction(s, rel, 'bases')}(old.${parentKey.sql}, case when tg_op = 'UPDATE' then 0 end);
    if tg_op = 'DELETE' then return old; end if;
    return new;
  end if;
  perform ${relationFunction(s, rel, 'moved')}(new.${parentKey.sql}, 0);
  return null;
end `,
    }),
  ]
}

/** The column whose change moves a row to another tenant. */
const movingColumn = ({ bound }: Relation): string | null => {
  const { policy } = bound.model
  if (policy.by === 'column') return bound.tenant?.sql ?? null
  return policy.by === 'parent' ? boundField(bound, policy.fk).column.sql : null
}

/** Names of the capture triggers of a table, for whoever looks whether they are there. */
export const captureTriggers = (s: string): readonly string[] =>
  ['insert', 'update', 'delete', 'insert_row', 'update_row', 'delete_row', 'truncate'].map(
    (name) => `${s}_capture_${name}`,
  )

function triggers(relation: Relation, { schema: s }: RelationOptions): Statement[] {
  const { rel, table, bound, parent, capture } = relation
  if (capture === undefined) return []
  if (!capture) return [removal(relation, s)]
  const own = `coalesce(current_setting(${setting(s, 'own')}, true), '')`
  const f = (verb: string): string => relationFunction(s, rel, verb)
  const out: Statement[] = []
  const create = (name: string, on: string, text: string): void => {
    out.push(statement('trigger', name, `create or replace trigger ${name} ${text.replace('@', on)}`))
  }
  const rows: Readonly<Record<string, string>> = {
    insert: 'new table as new_rows',
    update: 'old table as old_rows new table as new_rows',
    delete: 'old table as old_rows',
  }
  // statement triggers are not given to partitions by themselves
  for (const one of table.tree) {
    for (const [op, tables] of Object.entries(rows)) {
      create(
        `${s}_capture_${op}`,
        one,
        `after ${op} on @ referencing ${tables} for each statement
  when (${own} in ('', '*')) execute function ${f('statement')}()`,
      )
    }
    create(
      `${s}_capture_truncate`,
      one,
      `before truncate on @ for each statement execute function ${f('truncate')}()`,
    )
  }
  const other = (row: string): string => `${own} <> '${rel}:' || ${entityId(bound, row)}`
  const when: Readonly<Record<string, string>> = {
    insert: other('new'),
    update: `(${other('old')} or ${other('new')})`,
    delete: other('old'),
  }
  for (const [op, condition] of Object.entries(when)) {
    create(
      `${s}_capture_${op}_row`,
      table.sql,
      `after ${op} on @ for each row
  when (${own} not in ('', '*') and ${condition}) execute function ${f('row')}()`,
    )
  }
  const moving = movingColumn(relation)
  // names sort: after the application's own, which may change the tenant
  if (moving !== null) {
    create(
      `zzzz_${s}_base`,
      table.sql,
      `before update on @ for each row when (old.${moving} is distinct from new.${moving}) execute function ${f('base')}()`,
    )
  }
  const parentMoves = parent === null ? null : movingColumn(parent)
  if (parent !== null && parentMoves !== null) {
    const moved = `when (old.${parentMoves} is distinct from new.${parentMoves})`
    const go = `execute function ${f('parent')}()`
    create(`zzzz_${s}_moves_${rel}`, parent.table.sql, `before update on @ for each row ${moved} ${go}`)
    create(`zzzz_${s}_goes_${rel}`, parent.table.sql, `before delete on @ for each row ${go}`)
    create(`${s}_moved_${rel}`, parent.table.sql, `after update on @ for each row ${moved} ${go}`)
    // one statement may delete a parent and insert it anew
    create(`${s}_came_${rel}`, parent.table.sql, `after insert on @ for each row ${go}`)
  }
  return out
}

/** Looks first: DROP TRIGGER locks the table against everybody, whether there is a trigger or not. */
const removal = ({ rel, table }: Relation, s: string): Statement =>
  statement(
    'trigger',
    `${s}_capture`,
    `do $postern$
declare _trigger record;
begin
  for _trigger in
    select format('drop trigger %I on %s', g.tgname, g.tgrelid::regclass) as text
    from pg_catalog.pg_trigger g join pg_catalog.pg_proc p on p.oid = g.tgfoid
    where p.pronamespace = '${s}'::regnamespace and p.proname like 'r${rel}\\_%' and g.tgparentid = 0
      and (g.tgrelid = '${literal(table.sql)}'::regclass or not g.tgisinternal)
  loop
    execute _trigger.text;
  end loop;
end $postern$`,
  )

/**
 * For an application that says its own changes, inside its own transaction and after its own write, instead of
 * triggers: reads the row as it is and tells it.
 */
export function compileRecord(relation: Relation, { schema: s }: RelationOptions): Statement {
  const { rel, table, bound } = relation
  const f = (verb: string): string => relationFunction(s, rel, verb)
  return functionStatement({
    schema: s,
    name: `r${rel}_record`,
    comment: `${table.sql}: tells a change that the application made by itself; answers its stamp, null when there is no such row`,
    parameters: '_type text, _key text, _changed int2[]',
    returns: 'bigint',
    attributes: PLAIN,
    body: `
#variable_conflict use_variable
declare _now ${table.sql}; _entry ${s}.entry; _p bigint; _was boolean; _wt text; _nt text;
begin
  -- the lock makes the order of positions the order of changes, also for a caller who did not just write the row
  select t.* into _now from ${table.sql} t where ${keyCondition(bound, 't', '_key')} for no key update;
  if not found then return null; end if;
  perform ${s}.register();
  ${lastEntry(s, '_entry', String(rel), '_key')}
  _nt := ${f('tenant')}(_now);
  _was := coalesce(_entry.type <> 'DELETE', _type <> 'CREATE');
  _wt := case when _entry.type <> 'DELETE' then _entry.tenant else _nt end;
  if _was and _wt is distinct from _nt then
    _p := nextval('${s}.position_seq');
    insert into ${s}.log (position, rel, key, tenant, type, data) values (_p, ${rel}, _key, _wt, 'DELETE', '{}');
    _type := case when _type = 'DELETE' then _type else 'CREATE' end;
    _changed := null;
  end if;
  _p := nextval('${s}.position_seq');
  insert into ${s}.log (position, rel, key, tenant, type, data, changed)
  values (_p, ${rel}, _key, _nt, _type, ${f('data')}(_now), _changed);
  return _p;
end `,
  })
}
