import type { Model } from '../../core/schema/define.ts'
import type { ScalarKind } from '../../core/schema/kind.ts'
import type { PostgresSession } from '../connection.ts'

/** One column as the database's own catalogue describes it. Names are quoted where they need be. */
export interface Column {
  /** As stored, unquoted. */
  readonly name: string
  /** Quoted for use in SQL. */
  readonly sql: string
  /** The type to cast to: of a domain the one underneath, qualified, without a length; a cast with one cuts or rounds. */
  readonly type: string
  /** The same with its length or precision, for example `numeric(14,2)`. */
  readonly fullType: string
  /** The type as the column declares it: the domain itself where it is one. */
  readonly declared: string
  /**
   * The type underneath a domain, of an array that of its members: the name alone for one of Postgres's own (`text`),
   * with its schema for any other (`public.ltree`), so that no type of that name passes for one of Postgres's own.
   */
  readonly base: string
  /** An array, as the catalog says; `base` is then the members' type. */
  readonly isArray: boolean
  /** How deep the array is declared; 1 where it is none. */
  readonly dimensions: number
  /** The type to cast a member of the array to; of any other column the same as `type`. */
  readonly elementType: string
  /** True for an enum, or an array of one. */
  readonly isEnum: boolean
  /** Under a collation that takes different texts for equal. */
  readonly isLoose: boolean
  readonly notNull: boolean
  /** The default as an SQL expression, an identity's `nextval` included; null when there is none. */
  readonly default: string | null
  /** Computed by the database from other columns. */
  readonly generated: boolean
  /** GENERATED ALWAYS AS IDENTITY: an explicit value needs OVERRIDING SYSTEM VALUE. */
  readonly identityAlways: boolean
  /** Its number in the table, which a renaming leaves as it is: the log names columns by it. */
  readonly attnum: number
  /** The expression of a virtual generated column, columns named bare; rows in triggers do not have its value. */
  readonly virtual: string | null
  /** Of a column that a field stands for: the kind of its values or members, by which they travel. */
  readonly kind?: ScalarKind
}

/** Whether only the database gives the column a value (a key may be given in spite of its identity). */
export const isMade = ({ generated, identityAlways }: Column): boolean => generated || identityAlways

/** Columns that together name a row: a primary key, or a unique index over columns that take no null. */
export interface Key {
  readonly columns: readonly string[]
  readonly primary: boolean
}

export interface Table {
  /** Qualified and quoted for use in SQL. */
  readonly sql: string
  /** `r` table, `p` partitioned table, `v` view and so on, as in pg_class.relkind. */
  readonly kind: string
  readonly columns: readonly Column[]
  /** Its keys, the primary key first. */
  readonly keys: readonly Key[]
  readonly oid: string
  /** Whether a trigger of the application's fires for some columns only (`update of`). */
  readonly columnTriggers: boolean
  /** Whether rules of the application's rewrite statements on it. */
  readonly rules: boolean
  /** Row-level security holds for the role that looks: functions that run as it would not see every row. */
  readonly policed: boolean
  /** Not logged by the server: a crash empties it. */
  readonly unlogged: boolean
  /** A child by inheritance, or has such children: rows of one key in several tables. */
  readonly inherits: boolean
  /** The table and all of its partitions, for triggers. */
  readonly tree: readonly string[]
  readonly foreignKeys: readonly ForeignKey[]
}

export interface ForeignKey {
  readonly name: string
  readonly columns: readonly string[]
  /** Qualified and quoted, as `Table.sql`. */
  readonly table: string
  /** The columns there, parallel to `columns`. */
  readonly keys: readonly string[]
  /** Every row that is there was checked, and every row that comes is. */
  readonly holds: boolean
  /** A reference counts even where another column of it is null. */
  readonly full: boolean
  /** As in pg_constraint.confdeltype: `a` no action, `r` restrict, `c` cascade, `n` set null, `d` set default. */
  readonly onDelete: string
}

/** `character` and `bit` without a length mean a length of one. */
const bare = (typmod: string): string =>
  `case when ${typmod} is not null and ${typmod} <> -1 then format_type(b.oid, ${typmod}) else case b.typname
        when 'bpchar' then 'bpchar' when '_bpchar' then 'bpchar[]' when 'bit' then 'varbit' when '_bit' then 'varbit[]'
        else format_type(b.oid, null) end end`

const query = `
select jsonb_build_object(
  'sql', format('%I.%I', n.nspname, c.relname),
  'kind', c.relkind,
  'oid', c.oid::text,
  'columnTriggers', exists (
    select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgattr <> ''::int2vector),
  'rules', exists (select from pg_rewrite w where w.ev_class = c.oid and w.rulename <> '_RETURN'),
  'policed', row_security_active(c.oid),
  'unlogged', c.relpersistence = 'u',
  'inherits', c.relkind = 'r' and not c.relispartition
    and exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)),
  'tree', case when c.relkind = 'p' then (
    select jsonb_agg(format('%I.%I', pn.nspname, pc.relname) order by p.level, pc.oid)
    from pg_partition_tree(c.oid) p join pg_class pc on pc.oid = p.relid join pg_namespace pn on pn.oid = pc.relnamespace)
    else jsonb_build_array(format('%I.%I', n.nspname, c.relname)) end,
  'foreignKeys', coalesce((
    select jsonb_agg(jsonb_build_object('name', k.conname, 'table', format('%I.%I', fn.nspname, fc.relname),
      'columns', (select jsonb_agg(a.attname order by u.place) from unnest(k.conkey) with ordinality u(attnum, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum),
      'keys', (select jsonb_agg(a.attname order by u.place) from unnest(k.confkey) with ordinality u(attnum, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum),
      -- not enforced: of Postgres 18
      'holds', k.convalidated and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true),
      'full', k.confmatchtype = 'f', 'onDelete', k.confdeltype) order by k.conname)
    from pg_constraint k join pg_class fc on fc.oid = k.confrelid join pg_namespace fn on fn.oid = fc.relnamespace
    where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0), '[]'),
  'keys', coalesce((
    select jsonb_agg(k.key order by (k.key -> 'primary')::boolean desc, jsonb_array_length(k.key -> 'columns'), k.name)
    from (
      select jsonb_build_object('primary', i.indisprimary, 'columns', jsonb_agg(a.attname order by u.place)) as key, x.relname as name
      from pg_index i join pg_class x on x.oid = i.indexrelid
      cross join unnest(i.indkey::int2[]) with ordinality as u(attnum, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.attnum
      -- included columns are no part of the key; a key that may be broken until COMMIT names no row before it
      where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null
        and i.indexprs is null and u.place <= i.indnkeyatts
      group by i.indexrelid, i.indisprimary, x.relname having bool_and(a.attnotnull)) k), '[]'),
  'columns', (
    select jsonb_agg(jsonb_build_object(
      'name', a.attname,
      -- quote_ident knows what SQL reserves; PL/pgSQL reserves more
      'sql', case when a.attname in ('begin', 'by', 'declare', 'execute', 'foreach', 'if', 'loop', 'strict', 'while')
        then format('"%s"', a.attname) else quote_ident(a.attname) end,
      'type', ${bare('null')},
      'fullType', ${bare('b.typmod')},
      'declared', format_type(a.atttypid, a.atttypmod),
      'base', case when v.typnamespace = 'pg_catalog'::regnamespace then v.typname::text
        else (select m.nspname from pg_namespace m where m.oid = v.typnamespace) || '.' || v.typname end,
      'isArray', b.typcategory = 'A' and b.typelem <> 0,
      'dimensions', case when b.typcategory = 'A' and b.typelem <> 0
        then greatest(case when t.typtype = 'd' then t.typndims else a.attndims end, 1) else 1 end,
      'elementType', case when b.typcategory = 'A' and b.typelem <> 0 then case v.typname
        when 'bpchar' then 'bpchar' when 'bit' then 'varbit' else format_type(v.oid, null) end else ${bare('null')} end,
      'isEnum', v.typtype = 'e',
      'isLoose', coalesce((select not o.collisdeterministic from pg_collation o where o.oid = a.attcollation), false),
      'notNull', a.attnotnull or (t.typtype = 'd' and t.typnotnull),
      'default', case when a.attidentity <> '' then
        format('nextval(%L::regclass)', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname))
        when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) end,
      'generated', a.attgenerated <> '',
      'identityAlways', a.attidentity = 'a',
      'attnum', a.attnum,
      'virtual', case when a.attgenerated = 'v' then pg_get_expr(d.adbin, d.adrelid) end) order by a.attnum)
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    -- a domain may stand on a domain: the innermost type decides how values travel, the first length on the way there
    -- how many digits are kept; a cast to the domain itself would round
    join lateral (
      with recursive down as (
        select t.oid, t.typtype, t.typbasetype, a.atttypmod as typmod, t.typtypmod as next
        union all
        select u.oid, u.typtype, u.typbasetype, case when down.typmod = -1 then down.next else down.typmod end, u.typtypmod
        from down join pg_type u on u.oid = down.typbasetype where down.typtype = 'd')
      select u.*, down.typmod from down join pg_type u on u.oid = down.oid where down.typtype <> 'd') b on true
    -- members of an array may be of a domain, too
    join lateral (
      with recursive down as (
        select u.oid, u.typtype, u.typbasetype from pg_type u
        where u.oid = case when b.typcategory = 'A' and b.typelem <> 0 then b.typelem else b.oid end
        union all
        select u.oid, u.typtype, u.typbasetype from down join pg_type u on u.oid = down.typbasetype where down.typtype = 'd')
      select u.* from down join pg_type u on u.oid = down.oid where down.typtype <> 'd') v on true
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))::text as "table"
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = $1::text::oid`

/**
 * The settings under which the catalog is read, and under which an installation's statements run: nothing but
 * Postgres's own is found by a bare name, whatever schema of the search path others may create in.
 */
const settled: Readonly<Record<string, string>> = {
  search_path: 'pg_catalog, pg_temp',
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  quote_all_identifiers: 'off',
}

/**
 * Settles the transaction that is open on settings that no other session can have bent.
 *
 * @returns the schemas that the application's own search path finds tables in, in order.
 */
export async function settle(session: PostgresSession): Promise<readonly string[]> {
  const [at] = await session.query(
    `select pg_catalog.to_json(pg_catalog.current_schemas(false))::pg_catalog.text as path`,
    [],
  )
  const calls = Object.entries(settled).map(
    ([name, value]) => `pg_catalog.set_config('${name}', '${value}', true) as ${name}`,
  )
  await session.query(`select ${calls.join(', ')}`, [])
  return JSON.parse(at?.path ?? '[]') as string[]
}

/**
 * Reads what the database knows of a model's table; null when there is no such table.
 *
 * @param session in a transaction that is settled, see `settle`: types and defaults then come out qualified, and mean
 *   the same in every session.
 * @param path where a model that names no schema finds its table.
 */
export async function readTable(
  session: PostgresSession,
  model: Pick<Model, 'table'>,
  path: readonly string[],
): Promise<Table | null> {
  const { schema, name } = model.table
  const [found] = await session.query(
    `select c.oid::text as oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join jsonb_array_elements_text($2::text::jsonb) with ordinality as p(name, place)
where c.relname = $1::text and n.nspname = p.name and c.relkind in ('r', 'p', 'v', 'm', 'f') order by p.place limit 1`,
    [name, JSON.stringify(schema === undefined ? path : [schema])],
  )
  if (found?.oid == null) return null
  const rows = await session.query(query, [found.oid])
  const text = rows[0]?.table
  return text == null ? null : (JSON.parse(text) as Table)
}
