-- A clinic: names in quotes with blanks, reserved words, columns called like variables of functions.
create table "Companies" ("ID" text primary key, "Name" text not null);
create table "Patients" ("Patient ID" uuid primary key default gen_random_uuid(), company_id text not null references "Companies" ("ID"), "Full Name" text not null, born date, "order" int, "user" text, _input text, _tenant text, weight numeric(5,2));
create table appointments (id uuid primary key default gen_random_uuid(), company_id text not null references "Companies" ("ID"), patient uuid not null references "Patients", "from" timestamptz not null, "to" timestamptz, "group" text, status text not null default 'it''s booked');
create table prescriptions (id bigserial primary key, patient_id uuid not null references "Patients", drug text not null, dose text not null, days smallint not null default 7, refills smallint not null default 0);
create table rooms (number int primary key, company_id text not null references "Companies" ("ID"), floor smallint not null default 0, open_from time, open_to time);
