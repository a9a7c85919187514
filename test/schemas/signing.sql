-- Document signing, as Prisma makes it: names in camel case, text ids, enums, Postgres schema "public".
create type "DocumentStatus" as enum ('DRAFT', 'PENDING', 'COMPLETED');
create type "Role" as enum ('SIGNER', 'VIEWER', 'CC');
create table "Team" ("id" serial primary key, "name" text not null, "url" text not null unique, "createdAt" timestamp(3) not null default (now() at time zone 'utc'));
create table "User" ("id" serial primary key, "teamId" int not null references "Team", "name" text, "email" text not null unique, "emailVerified" timestamp(3), "password" text, "roles" text[] not null default array['USER']::text[], "twoFactorSecret" text, "twoFactorBackupCodes" text);
create table "Session" ("id" text primary key, "sessionToken" text not null unique, "userId" int not null references "User", "expires" timestamp(3) not null);
create table "VerificationToken" ("id" serial primary key, "identifier" text not null, "token" text not null unique, "expires" timestamp(3) not null);
create table "Document" ("id" text primary key, "teamId" int not null references "Team", "title" text not null, "status" "DocumentStatus" not null default 'DRAFT', "meta" jsonb, "createdAt" timestamp(3) not null default (now() at time zone 'utc'), "updatedAt" timestamp(3) not null default (now() at time zone 'utc'));
create table "DocumentData" ("id" text primary key, "documentId" text not null references "Document" on delete cascade, "data" bytea not null, "initialData" text);
create table "Recipient" ("id" serial primary key, "documentId" text not null references "Document" on delete cascade, "email" varchar(255) not null, "name" varchar(255) not null default '', "role" "Role" not null default 'SIGNER', "signedAt" timestamp(3));
create table "Field" ("id" serial primary key, "recipientId" int not null references "Recipient", "page" int not null, "positionX" numeric not null default 0, "positionY" numeric not null default 0, "inserted" boolean not null default false);
create table "Webhook" ("id" text primary key, "teamId" int not null references "Team", "webhookUrl" text not null, "eventTriggers" text[] not null, "secret" text, "enabled" boolean not null default true);
create table "_prisma_migrations" ("id" varchar(36) primary key, "checksum" varchar(64) not null);
-- left out: Session, VerificationToken
