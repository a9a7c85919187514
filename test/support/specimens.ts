import { defineSchema, field, model, z } from '../../src/index.ts'

/** A field of every kind over a column of every type that an application may have under it. */
export const specimens = defineSchema({
  specimens: model({
    fields: {
      text: z.string().optional(),
      varchar: z.string().optional(),
      char: z.string().optional(),
      domainText: z.string().optional(),
      mood: z.enum(['sad', 'ok', 'happy']).optional(),
      uuid: field.uuid().optional(),
      uuidAsText: z.string().optional(),
      bool: z.boolean().optional(),
      int2: z.int().optional(),
      int4: z.int().optional(),
      int8: field.bigint().optional(),
      numeric: field.numeric().optional(),
      price: field.numeric().optional(),
      domainNumeric: field.numeric().optional(),
      float4: z.number().optional(),
      float8: z.number().optional(),
      timestamptz: field.timestamp().optional(),
      timestamptz0: field.timestamp().optional(),
      timestamp: field.timestamp().optional(),
      date: field.date().optional(),
      bytes: field.bytes().optional(),
      jsonb: field.json().optional(),
      json: field.json().optional(),
      interval: z.string().optional(),
      time: z.string().optional(),
      time0: z.string().optional(),
      inet: z.string().optional(),
      span: z.string().optional(),
      texts: z.array(z.string()).optional(),
      moods: z.array(z.enum(['sad', 'ok', 'happy'])).optional(),
      uuids: z.array(field.uuid()).optional(),
      bools: z.array(z.boolean()).optional(),
      ints: z.array(z.int()).optional(),
      bigints: z.array(field.bigint()).optional(),
      numerics: z.array(field.numeric()).optional(),
      prices: z.array(field.numeric()).optional(),
      floats: z.array(z.number()).optional(),
      times: z.array(field.timestamp()).optional(),
      times0: z.array(field.timestamp()).optional(),
      dates: z.array(field.date()).optional(),
      blobs: z.array(field.bytes()).optional(),
      nested: z.array(z.object({ a: z.int() })).optional(),
    },
    mutable: true,
    policy: { by: 'none' },
    columns: { uuidAsText: 'uuid_as_text', domainText: 'domain_text', domainNumeric: 'domain_numeric' },
  }),
})

export const specimenTables = `
create type mood as enum ('sad', 'ok', 'happy');
create domain label as text;
create domain cents as numeric(8,2);
create table specimens (
  id text primary key,
  text text, varchar varchar(5), char char(5), domain_text label, mood mood, uuid uuid, uuid_as_text uuid,
  bool boolean, int2 smallint, int4 integer, int8 bigint,
  numeric numeric, price numeric(8,2), domain_numeric cents, float4 real, float8 double precision,
  timestamptz timestamptz, timestamptz0 timestamptz(0), timestamp timestamp, date date,
  bytes bytea, jsonb jsonb, json json, interval interval, time time, time0 time(0), inet inet, span tstzrange,
  texts text[], moods mood[], uuids uuid[], bools boolean[], ints int[], bigints bigint[],
  numerics numeric[], prices numeric(8,2)[], floats double precision[], times timestamptz[], times0 timestamptz(0)[],
  dates date[], blobs bytea[], nested jsonb
);`
