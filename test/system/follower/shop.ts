import { defineSchema, field, model, relation, z } from '../../../src/index.ts'

export const TENANTS = ['a', 'b', 'c'] as const

/** Every kind of policy, parents of two levels, keys of two types; all captured. */
export const shop = defineSchema({
  folders: model({
    fields: { name: z.string(), notes: z.int().optional() },
    mutable: true,
    capture: true,
  }),
  files: model({
    fields: {
      folderId: z.string().optional(),
      name: z.string(),
      size: field.numeric().optional(),
      twice: field.numeric().optional(),
    },
    relations: { folder: relation.belongsTo('folders', 'folderId') },
    policy: { by: 'parent', fk: 'folderId', parent: 'folders' },
    readOnly: ['twice'],
    mutable: true,
    capture: true,
  }),
  pages: model({
    fields: { fileId: z.string().optional(), body: z.string().optional() },
    relations: { file: relation.belongsTo('files', 'fileId') },
    policy: { by: 'parent', fk: 'fileId', parent: 'files' },
    mutable: true,
    capture: true,
  }),
  counters: model({ fields: { n: z.int() }, mutable: true, capture: true }),
  notes: model({
    fields: {
      id: z.int(),
      body: z.string().optional(),
      number: z.int().optional(),
      folderId: z.string().optional(),
      fileId: z.string().optional(),
    },
    mutable: true,
    capture: true,
  }),
  tags: model({
    fields: { label: z.string().optional() },
    policy: { by: 'none' },
    mutable: true,
    capture: true,
  }),
  labels: model({
    fields: { label: z.string().optional() },
    policy: { by: 'none' },
    mutable: ['CREATE', 'DELETE'],
    capture: true,
  }),
  parts: model({
    fields: { id: z.int(), what: z.string().optional() },
    mutable: true,
    capture: true,
  }),
  tree: model({
    fields: { parentId: z.string().optional(), name: z.string().optional() },
    mutable: true,
    capture: true,
  }),
})

/**
 * The application's tables, with everything that writes a row behind the writer's back: referential actions of every
 * kind, triggers before and after on the same and on other rows, a statement trigger, a trigger that inserts a deleted
 * row again, a default that writes, a rule, partitions, and row-level security that binds the owner too.
 */
export const shopTables = (major: 15 | 18): string => `
create schema shop;
create table folders (id text primary key, organization_id text, name text not null, notes int not null default 0);
create table files (id text primary key, folder_id text references folders on delete cascade on update cascade,
  name text not null, size numeric, twice numeric generated always as (size * 2) ${major === 18 ? 'virtual' : 'stored'});
create table pages (id text primary key, file_id text references files on delete cascade, body text);
create table counters (id text primary key, organization_id text, n int not null default 0);
create function next_number(_tenant text) returns int language sql as
  $$ update public.counters set n = n + 1 where id = 'c' || _tenant returning n $$;
create table notes (id int primary key, organization_id text not null, body text,
  number int default next_number('a'), folder_id text references folders on delete set null,
  file_id text references files on delete set null deferrable initially deferred);
create table tags (id text primary key, label text);
create table labels (id text primary key, label text);
create table parts (id int primary key, organization_id text, what text) partition by range (id);
create table parts_1 partition of parts for values from (0) to (10);
create table parts_2 partition of parts for values from (10) to (20);
create table tree (id text primary key, parent_id text references tree on delete cascade, organization_id text not null,
  name text);
create function count_notes() returns trigger language plpgsql as $$ begin
  update public.folders set notes = notes + 1 where id = coalesce(new.folder_id, 'none'); return new; end $$;
create trigger aa_count before insert or update of body on notes for each row execute function count_notes();
create function touch_pages() returns trigger language plpgsql as $$ begin
  if pg_trigger_depth() < 3 then
    update public.pages set body = coalesce(body, '') || '.' where file_id = new.id and length(coalesce(body, '')) < 12;
    update public.files set name = name || '!' where id = new.id and length(name) < 6;
  end if; return null; end $$;
create trigger zz_touch after update on files for each row execute function touch_pages();
create function gone_page() returns trigger language plpgsql as $$ begin
  update public.folders f set name = f.name || '-' from public.files x
  where x.id = old.file_id and f.id = x.folder_id and length(f.name) < 8; return null; end $$;
create trigger zz_gone after delete on pages for each row execute function gone_page();
create function again() returns trigger language plpgsql as $$ begin
  if old.label = 'phoenix' then insert into public.tags values (old.id, 'again'); end if; return null; end $$;
create trigger zz_again after delete on tags for each row execute function again();
create function count_statements() returns trigger language plpgsql as $$ begin
  update public.counters set n = n + 1 where id = 'cb'; return null; end $$;
create trigger zz_statement after update on tree for each statement execute function count_statements();
insert into counters values ('ca', 'a'), ('cb', 'b'), ('cc', 'c');
insert into folders select 'f' || i, chr(97 + i % 3), 'w' from generate_series(0, 4) i;
insert into files (id, folder_id, name, size) select 'x' || i, 'f' || i % 5, 'w', i from generate_series(0, 7) i;
insert into pages select 'p' || i, 'x' || i, 'b' from generate_series(0, 7) i;
insert into tags select 'g' || i, 'w' from generate_series(0, 3) i;
insert into labels select id, 'l' from tags;
insert into parts select i, chr(97 + i % 3), 'w' from generate_series(0, 19) i;
insert into tree select 'n' || i, case when i > 0 then 'n' || i / 2 end, chr(97 + i % 3), 'w' from generate_series(0, 5) i;
`

/** Rules and policies come last; an engine that refuses one of them at \`migrate\` is run without it. */
export const copyRule =
  'create rule tags_copy as on update to tags do also update labels set label = new.label where id = new.id'

export const rowSecurity = (role: string): string => `
alter table parts enable row level security;
alter table parts force row level security;
create policy own on parts using (organization_id = current_setting('app.tenant', true))
  with check (organization_id = current_setting('app.tenant', true));
alter table notes enable row level security;
alter table notes force row level security;
create policy own on notes using (organization_id = current_setting('app.tenant', true))
  with check (organization_id = current_setting('app.tenant', true));
grant select, insert, update, delete, truncate on all tables in schema public to ${role};
grant execute on all functions in schema public to ${role};
`

/**
 * What each model's rows are, read past the endpoint: the JSON text of a row, its key, and the tenant that may see it
 * ('' for every tenant, null for none).
 */
export const truths: Readonly<Record<keyof typeof shop.definitions, string>> = {
  folders: `select t.id as key, t.organization_id as tenant,
    json_build_object('id', t.id, 'name', t.name, 'notes', t.notes) as data from folders t`,
  files: `select t.id as key, f.organization_id as tenant,
    json_build_object('id', t.id, 'folderId', t.folder_id, 'name', t.name, 'size', t.size::text, 'twice', t.twice::text)
    as data from files t left join folders f on f.id = t.folder_id`,
  pages: `select t.id as key, f.organization_id as tenant,
    json_build_object('id', t.id, 'fileId', t.file_id, 'body', t.body) as data
    from pages t left join files x on x.id = t.file_id left join folders f on f.id = x.folder_id`,
  counters: `select t.id as key, t.organization_id as tenant, json_build_object('id', t.id, 'n', t.n) as data
    from counters t`,
  notes: `select t.id::text as key, t.organization_id as tenant, json_build_object('id', t.id, 'body', t.body,
    'number', t.number, 'folderId', t.folder_id, 'fileId', t.file_id) as data from notes t`,
  tags: `select t.id as key, '' as tenant, json_build_object('id', t.id, 'label', t.label) as data from tags t`,
  labels: `select t.id as key, '' as tenant, json_build_object('id', t.id, 'label', t.label) as data from labels t`,
  parts: `select t.id::text as key, t.organization_id as tenant, json_build_object('id', t.id, 'what', t.what) as data
    from parts t`,
  tree: `select t.id as key, t.organization_id as tenant,
    json_build_object('id', t.id, 'parentId', t.parent_id, 'name', t.name) as data from tree t`,
}
