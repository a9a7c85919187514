-- A shop system: text ids with a prefix, prices as numeric beside raw JSON, carts, variants, join tables.
create table store (id text primary key, name text not null, default_currency_code text not null default 'eur');
create table product (id text primary key, store_id text not null references store, title text not null, handle text not null, is_giftcard boolean not null default false, status text not null default 'draft' check (status in ('draft', 'published')), thumbnail text, weight real, metadata jsonb, created_at timestamptz not null default now(), updated_at timestamptz not null default now(), deleted_at timestamptz);
create unique index product_handle on product (handle) where deleted_at is null;
create table product_variant (id text primary key, product_id text not null references product on delete cascade, title text not null, sku text, barcode text, allow_backorder boolean not null default false, variant_rank int default 0);
create table price (id text primary key, variant_id text not null references product_variant on delete cascade, currency_code text not null, amount numeric not null, raw_amount jsonb not null, min_quantity numeric);
create table product_tag (id text primary key, store_id text not null references store, value text not null);
create table product_tags (product_id text not null references product on delete cascade, product_tag_id text not null references product_tag on delete cascade, primary key (product_id, product_tag_id));
create table customer (id text primary key, store_id text not null references store, email text, first_name text, has_account boolean not null default false, unique (store_id, email));
create table cart (id text primary key, store_id text not null references store, customer_id text references customer, currency_code text not null, completed_at timestamptz);
create table line_item (id text primary key, cart_id text not null references cart on delete cascade, variant_id text, title text not null, quantity int not null, unit_price numeric(20,4) not null, is_discountable boolean not null default true);
create table auth_identity_secret (id text primary key, entity_id text not null, provider_metadata jsonb);
-- left out: auth_identity_secret
