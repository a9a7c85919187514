import type { PostgresConnection, PostgresSession } from '../../postgres/connection.ts'
import { readTable, settle, type Table } from '../../postgres/model/catalog.ts'

/** A table with what a schema says of it beside its columns. */
export interface PulledTable extends Table {
  readonly schema: string
  readonly name: string
  /** Whether its bare name finds it. */
  readonly visible: boolean
  /** Labels of each column that is an enum, or an array of one. */
  readonly labels: Readonly<Record<string, readonly string[]>>
  /** Foreign keys of one column to the primary key of one column. */
  readonly references: readonly { readonly column: string; readonly schema: string; readonly table: string }[]
}

/** What migration tools keep for themselves. */
const bookkeeping =
  '^(_prisma_migrations|__drizzle_migrations|kysely_migration(_lock)?|schema_migrations|knex_migrations(_lock)?|pgmigrations|ar_internal_metadata|flyway_schema_history)$'

const list = `select n.nspname as schema, c.relname as name,
  (select jsonb_object_agg(a.attname, (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e
      where e.enumtypid in (t.oid, t.typelem, t.typbasetype)))
    from pg_attribute a join pg_type t on t.oid = a.atttypid
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      and exists (select from pg_enum e where e.enumtypid in (t.oid, t.typelem, t.typbasetype)))::text as labels,
  (select jsonb_agg(jsonb_build_object('column', a.attname, 'schema', fn.nspname, 'table', f.relname) order by a.attnum)
    from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
    join pg_index i on i.indrelid = f.oid and i.indisprimary and i.indnkeyatts = 1 and i.indkey[0] = k.confkey[1]
    where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0 and cardinality(k.conkey) = 1)::text as "references"
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and c.relname !~ $3::text and n.nspname <> $2::text
  and n.nspname in (select jsonb_array_elements_text($1::text::jsonb))
  and has_table_privilege(c.oid, 'select')
order by n.nspname, c.relname`

/** The tables of the given schemas, by default those that the connection finds by bare names. */
export function readCatalogue(
  connection: PostgresConnection,
  schemas: readonly string[] | undefined,
  install: string,
): Promise<PulledTable[]> {
  return connection.transaction(async (session) => {
    const path = await settle(session)
    const found: PulledTable[] = []
    const rows = await session.query(list, [JSON.stringify(schemas ?? path), install, bookkeeping])
    const bare = await bareNames(session, path)
    for (const row of rows) {
      const { schema, name } = row as { schema: string; name: string }
      const table = await readTable(session, { table: { schema, name } }, path)
      if (table === null) continue
      found.push({
        ...table,
        schema,
        name,
        visible: bare.get(name) === schema,
        // without a prototype: a column may be called `constructor`
        labels: Object.assign(Object.create(null), JSON.parse(row.labels ?? '{}')),
        references: JSON.parse(row.references ?? '[]'),
      })
    }
    return found
  })
}

/** The schema in which the search path finds a bare name of a table first. */
async function bareNames(session: PostgresSession, path: readonly string[]): Promise<Map<string, string>> {
  const rows = await session.query(
    `select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
join jsonb_array_elements_text($1::text::jsonb) with ordinality as p(name, place) on p.name = n.nspname
where c.relkind in ('r', 'p', 'v', 'm', 'f') order by p.place desc`,
    [JSON.stringify(path)],
  )
  return new Map(rows.map(({ schema, name }) => [name ?? '', schema ?? '']))
}

/** Schemas that have tables which the role may read, those of Postgres and of postern left out. */
export async function schemasWithTables(
  connection: PostgresConnection,
  install: string,
): Promise<{ schema: string; tables: number }[]> {
  const rows = await connection.transaction(async (session) => {
    await settle(session)
    return session.query(
      `select n.nspname as schema, count(*)::text as tables from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname <> $1::text
  and n.nspname <> 'information_schema' and n.nspname not like 'pg~_%' escape '~' and has_table_privilege(c.oid, 'select')
group by n.nspname order by n.nspname`,
      [install],
    )
  })
  return rows.map(({ schema, tables }) => ({ schema: schema ?? '', tables: Number(tables) }))
}
