-- Courses: keys that are unique indexes and no primary keys, composite foreign keys, a table without any key.
create type level as enum ('beginner', 'intermediate', 'expert');
create table schools (code text not null, name text not null);
create unique index schools_code on schools (code);
create table courses (id uuid primary key default gen_random_uuid(), company_id text not null, title text not null, levels level[] not null default '{beginner}', price numeric(8,2), published boolean not null default false);
create table lessons (id uuid primary key default gen_random_uuid(), course_id uuid not null references courses on delete cascade, title text not null, seconds int not null default 0, starts time, transcript xml);
create table enrolments (course_id uuid not null references courses on delete cascade, learner text not null, progress real not null default 0, primary key (course_id, learner));
create table certificates (id uuid primary key default gen_random_uuid(), course_id uuid, learner text, issued date not null default current_date, foreign key (course_id, learner) references enrolments (course_id, learner));
create table quiz_questions (id uuid primary key default gen_random_uuid(), lesson_id uuid not null references lessons on delete cascade, question text not null, answers jsonb not null default '[]', matrix numeric[][]);
create table audit_lines (at timestamptz not null default now(), line text);
-- left out: audit_lines
-- null: certificates.course_id, certificates.learner
