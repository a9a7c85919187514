-- Film rental: domains, full-text vectors, arrays, a partitioned table, composite keys, a view.
create domain year as int check (value between 1901 and 2155);
create type mpaa_rating as enum ('G', 'PG', 'PG-13', 'R');
create table store (store_id serial primary key, address text not null, last_update timestamptz not null default now());
create table language (language_id serial primary key, store_id int not null references store, name char(20) not null);
create table film (film_id serial primary key, store_id int not null references store, title text not null, description text, release_year year, language_id int not null references language, rental_rate numeric(4,2) not null default 4.99, length smallint, rating mpaa_rating default 'G', special_features text[], fulltext tsvector not null default '');
create table actor (actor_id serial primary key, store_id int not null references store, first_name text not null, last_name text not null);
create table film_actor (actor_id int not null references actor, film_id int not null references film, last_update timestamptz not null default now(), primary key (actor_id, film_id));
create table customer (customer_id serial primary key, store_id int not null references store, first_name text not null, email text, activebool boolean not null default true, create_date date not null default current_date);
create table rental (rental_id serial primary key, customer_id int not null references customer, film_id int not null references film, rental_period tstzrange not null default tstzrange(now(), null));
create table payment (payment_id serial, customer_id int not null references customer, amount numeric(5,2) not null, payment_date timestamptz not null default '2026-01-15', primary key (payment_date, payment_id)) partition by range (payment_date);
create table payment_p2026_01 partition of payment for values from ('2026-01-01') to ('2026-02-01');
create table payment_p2026_02 partition of payment for values from ('2026-02-01') to ('2026-03-01');
create view sales_by_store as select s.store_id, count(*) as films from store s join film f using (store_id) group by s.store_id;
-- a key that holds a time is not supported
-- left out: payment
