import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { pgAdapter, pgConnection } from '../../src/adapters/pg.ts'
import { defineSchema, field, model, z } from '../../src/index.ts'
import { checkPath } from '../../src/postgres/install/check/server.ts'
import { settle } from '../../src/postgres/model/catalog.ts'
import { freshDatabase } from '../support/db.ts'
import { caller, majors } from '../support/postgres-source.ts'

const schema = defineSchema({
  things: model({
    fields: {
      big: field.bigint(),
      text: z.string(),
      tags: z.array(z.string().nullable()).optional(),
      uuid: z.string().optional(),
    },
    mutable: true,
    policy: { by: 'none' },
  }),
})

/** What another role with CREATE on a schema of the path can leave there: each writes down that it ran. */
const hostile = `
create table public.ran (what text);
grant insert on public.ran to public;
create function public.note(_what text) returns void language plpgsql as $$ begin insert into public.ran values (_what); end $$;
create function public.to_json(_v text) returns json language plpgsql as $$ begin perform public.note('to_json'); return '"stolen"'; end $$;
create function public.format(_a text, _b text) returns text language plpgsql as $$ begin perform public.note('format'); return 'stolen'; end $$;
create function public.quote_ident(_v name) returns text language plpgsql as $$ begin perform public.note('quote_ident'); return 'stolen'; end $$;
create function public.jsonb_agg(_v text) returns jsonb language plpgsql as $$ begin perform public.note('jsonb_agg'); return '[]'; end $$;
create function public.same(_a varchar, _b text) returns boolean language plpgsql as $$ begin perform public.note('='); return true; end $$;
create operator public.= (leftarg = varchar, rightarg = text, function = public.same);
create cast (bigint as text) with inout as implicit;`

describe.each(majors)('Postgres %i: nothing of a stranger’s', (major) => {
  test('runs in migrate and check, whatever stands in the search path and however its strings are read', async () => {
    await using database = await freshDatabase({ major })
    const pool = new pg.Pool({ connectionString: database.url, max: 4 })
    pool.on('error', () => {})
    try {
      await pool.query(
        `create table things (id varchar(20) primary key, big bigint not null, text text not null default E'a\\\\b', tags text[], uuid text);`,
      )
      await pool.query(hostile)
      const name = new URL(database.url).pathname.slice(1)
      await pool.query(`alter database ${name} set search_path = public, pg_catalog`)
      await pool.query(`alter database ${name} set standard_conforming_strings = off`)
      const other = new pg.Pool({ connectionString: database.url, max: 4 })
      other.on('error', () => {})
      try {
        const adapter = pgAdapter(other, schema)
        await adapter.migrate()
        const findings = await adapter.check()
        expect(findings.filter(({ level }) => level === 'error')).toEqual([])
        expect((await other.query('select * from public.ran')).rows).toEqual([])
        const { commit, load } = caller(adapter, schema)
        await commit({
          type: 'CREATE',
          model: 'things',
          id: 't',
          input: { big: '9007199254740993', text: 'a\\b', tags: ['x\\y', null] },
        })
        expect((await load('things', 't')).row).toMatchObject({
          big: '9007199254740993',
          text: 'a\\b',
          tags: ['x\\y', null],
        })
      } finally {
        await other.end()
      }
    } finally {
      await pool.end()
    }
  })

  test('is asked what an array contains, though its operator fits the type more closely', async () => {
    await using database = await freshDatabase({ major })
    const pool = new pg.Pool({ connectionString: database.url, max: 4 })
    pool.on('error', () => {})
    try {
      // as the extension intarray has one for int[], which fails at a member that is null
      await pool.query(`create table things (id text primary key, big bigint not null, text text not null, tags text[], uuid text);
        create function public.holds(_a text[], _b text[]) returns boolean language plpgsql as $$ begin raise 'a stranger ran'; end $$;
        create operator public.@> (leftarg = text[], rightarg = text[], function = public.holds)`)
      const adapter = pgAdapter(pool, schema)
      await adapter.migrate()
      const { commit, list } = caller(adapter, schema)
      await commit({
        type: 'CREATE',
        model: 'things',
        id: 't',
        input: { big: '1', text: 't', tags: ['a', null] },
      })
      const found = await list('things', { where: [['tags', 'CONTAINS', 'a']] })
      expect(found.rows).toHaveLength(1)
    } finally {
      await pool.end()
    }
  })

  test('a type of another schema that is called like one of Postgres’s own is not taken for it', async () => {
    await using database = await freshDatabase({ major })
    const pool = new pg.Pool({ connectionString: database.url, max: 4 })
    pool.on('error', () => {})
    try {
      await pool.query(`create schema odd; create type odd.uuid as enum ('a', 'b'); create type odd._x as (n int);
        create table things (id text primary key, big bigint not null, text text not null, tags text[], uuid odd.uuid, pair odd._x)`)
      const adapter = pgAdapter(pool, schema)
      await adapter.migrate()
      const { commit } = caller(adapter, schema)
      const { rows } = await commit({
        type: 'CREATE',
        model: 'things',
        id: 't',
        input: { big: '1', text: 't', uuid: 'a' },
      })
      expect(rows[0]).toMatchObject({ uuid: 'a' })
    } finally {
      await pool.end()
    }
  })

  test('the doctor says who else may create in a schema of the path', async () => {
    await using database = await freshDatabase({ major })
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    pool.on('error', () => {})
    try {
      await pool.query('grant create on schema public to public')
      const look = () =>
        pgConnection(pool).transaction(async (session) => checkPath(session, await settle(session)))
      expect(await look()).toMatchObject([{ level: 'warning', code: 'path_open_to_others' }])
      await pool.query('revoke create on schema public from public')
      expect(await look()).toEqual([])
    } finally {
      await pool.end()
    }
  })
})
