import type { Model } from '../../core/schema/define.ts'
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
  /** The built-in type underneath a domain, for example `text`; for an array `_` and its element, as Postgres says. */
  readonly base: string
  /** True for an enum, or an array of one. */
  readonly isEnum: boolean
  readonly notNull: boolean
  /** The default as an SQL expression, an identity's `nextval` included; null when there is none. */
  readonly default: string | null
  /** Computed by the database from other columns. */
  readonly generated: boolean
  /** GENERATED ALWAYS AS IDENTITY: an explicit value needs OVERRIDING SYSTEM VALUE. */
  readonly identityAlways: boolean
}

/** Whether only the database gives the column a value (a key may be given in spite of its identity). */
export const isMade = ({ generated, identityAlways }: Column): boolean => generated || identityAlways

export interface Table {
  /** Qualified and quoted for use in SQL. */
  readonly sql: string
  /** `r` table, `p` partitioned table, `v` view and so on, as in pg_class.relkind. */
  readonly kind: string
  readonly columns: readonly Column[]
  /** Column names of the primary key. */
  readonly primaryKey: readonly string[]
  /** Column names under a collation that takes different texts for equal. */
  readonly loose: readonly string[]
  /** Whether triggers of the customer run after its rows are written, and may change them once more. */
  readonly triggers: boolean
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
  -- bit 2 of tgtype: before, bit 64: instead of; ours are told by the function they call
  'triggers', exists (
    select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
    where g.tgrelid = c.oid and not g.tgisinternal and g.tgtype & 66 = 0 and p.pronamespace <> to_regnamespace($2::text)),
  'primaryKey', coalesce((
    select jsonb_agg(a.attname order by k.place)
    from pg_index i, unnest(i.indkey::int2[]) with ordinality as k(attnum, place), pg_attribute a
    where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid and a.attnum = k.attnum), '[]'),
  'loose', coalesce((
    select jsonb_agg(a.attname) from pg_attribute a join pg_collation o on o.oid = a.attcollation
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and not o.collisdeterministic), '[]'),
  'columns', (
    select jsonb_agg(jsonb_build_object(
      'name', a.attname,
      -- quote_ident knows what SQL reserves; PL/pgSQL reserves more
      'sql', case when a.attname in ('begin', 'by', 'declare', 'execute', 'foreach', 'if', 'loop', 'strict', 'while')
        then format('"%s"', a.attname) else quote_ident(a.attname) end,
      'type', ${bare('null')},
      'fullType', ${bare('b.typmod')},
      'base', b.typname,
      'isEnum', coalesce(e.typtype, b.typtype) = 'e',
      'notNull', a.attnotnull or (t.typtype = 'd' and t.typnotnull),
      'default', case when a.attidentity <> '' then
        format('nextval(%L::regclass)', pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname))
        when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) end,
      'generated', a.attgenerated <> '',
      'identityAlways', a.attidentity = 'a') order by a.attnum)
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
    left join pg_type e on e.oid = b.typelem and b.typcategory = 'A'
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))::text as "table"
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = $1::text::oid`

/**
 * Reads what the database knows of a model's table; null when there is no such table. `session` must be in a
 * transaction: where the model names no schema, the application's `search_path` finds the table; types and defaults
 * are then read under an empty one, so that they come out qualified and mean the same in every session.
 */
export async function readTable(
  session: PostgresSession,
  model: Pick<Model, 'table'>,
  s: string,
): Promise<Table | null> {
  const { schema, name } = model.table
  const quoted = [schema, name]
    .filter((part) => part !== undefined)
    .map((part) => `"${part.replaceAll('"', '""')}"`)
  const [found] = await session.query(
    `select to_regclass($1::text)::oid::text as oid, current_setting('search_path') as path`,
    [quoted.join('.')],
  )
  if (found?.oid == null) return null
  await session.query(`select set_config('search_path', '', true) as path`, [])
  const rows = await session.query(query, [found.oid, s])
  await session.query(`select set_config('search_path', $1::text, true) as path`, [found.path ?? ''])
  const text = rows[0]?.table
  return text == null ? null : (JSON.parse(text) as Table)
}
