-- A CMS that makes tables of its content types: long names, localized rows, numbers for ids, names of versions.
create type enum_pages_status as enum ('draft', 'published');
create type _locales as enum ('en', 'de');
create table tenants (id serial primary key, name varchar not null, slug varchar not null unique);
create table pages (id serial primary key, tenant_id int not null references tenants, title varchar, slug varchar not null, _status enum_pages_status default 'draft', updated_at timestamptz(3) not null default now(), created_at timestamptz(3) not null default now());
create table pages_blocks_call_to_action_with_background_image_and_links (id varchar primary key, _order int not null, _parent_id int not null references pages on delete cascade, _path text not null, headline varchar, block_name varchar);
create table pages_locales (id serial primary key, _locale _locales not null, _parent_id int not null references pages on delete cascade, meta_title varchar, meta_description varchar, unique (_locale, _parent_id));
create table _pages_v_version_blocks_testimonial_carousel_items_with_faces (id serial primary key, _parent_id int not null references pages on delete cascade, quote varchar, _uuid varchar, rating numeric);
create table media (id serial primary key, tenant_id int not null references tenants, alt varchar not null, filename varchar, mime_type varchar, filesize numeric, width numeric, focal_x numeric);
create table pages_rels (id serial primary key, "order" int, parent_id int not null references pages on delete cascade, path varchar not null, media_id int references media);
create table forms (id serial primary key, tenant_id int not null references tenants, title varchar not null, fields jsonb not null, emails jsonb);
