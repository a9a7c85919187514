import { defineSchema, model, z } from '../../../src/index.ts'

/** Rows that many writers fight over. Few enough to collide, enough that writers do not only wait. */
export const ROWS = 2000

/**
 * Two tables whose every change the application counts by itself, in a trigger: row by row, the feed must tell the
 * versions 1, 2, 3, ... without a gap. `parts` is captured, `notes` is logged by the application (`recordChange`).
 */
export const shop = defineSchema({
  parts: model({
    fields: { name: z.string(), version: z.int().optional() },
    mutable: true,
    policy: { by: 'none' },
    readOnly: ['version'],
    capture: true,
  }),
  notes: model({
    fields: { name: z.string(), version: z.int().optional() },
    mutable: true,
    policy: { by: 'none' },
    readOnly: ['version'],
  }),
})

const table = (name: string): string => `
create table ${name} (id text primary key, name text not null, version int not null default 0);
insert into ${name} (id, name) select '${name[0]}' || n, 'start' from generate_series(1, ${ROWS}) n;
create trigger version before update on ${name} for each row execute function count_version();`

export const shopTables = `
create function count_version() returns trigger language plpgsql as $$
begin
  new.version := old.version + 1;
  return new;
end $$;
${table('parts')}
${table('notes')}
create table strangers (n int);`
