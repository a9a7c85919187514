import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pgAdapter } from '../../src/adapters/pg.ts'
import { createEndpoint, defineSchema, model, z } from '../../src/index.ts'
import { DatabaseError } from '../../src/postgres/sqlstate.ts'
import { majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'

const schema = defineSchema({
  notes: model({ fields: { text: z.string(), kind: z.string() }, mutable: true, policy: { by: 'none' } }),
})

/** What the application's trigger does, by the note's kind. */
const tables = `
create schema rules;
create table notes (id text primary key, text text not null, kind text not null);
create function rules.judge() returns trigger language plpgsql as $$
begin
  case new.kind
    when 'raise' then raise exception 'no % today', new.text using hint = 'Come back tomorrow.', constraint = 'no_notes';
    when 'own' then raise exception 'mine' using errcode = 'APP01';
    when 'privilege' then raise insufficient_privilege using message = 'not yours';
    when 'column' then execute 'select nothing_of_that_name from notes';
    when 'feature' then raise feature_not_supported using message = 'not built';
    when 'many' then perform 1 where 1 = (select v from (values (1), (2)) t(v));
    when 'unique' then raise unique_violation using constraint = 'only_one';
    else null;
  end case;
  return new;
end $$;
create trigger judge before insert or update on notes for each row execute function rules.judge();`

describe.each(majors)('Postgres %i: what the database says is heard', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
  })
  afterAll(() => open?.[Symbol.asyncDispose]())

  test.each([
    ['raise', 'P0001', 'constraint_violation'],
    ['own', 'APP01', 'constraint_violation'],
    ['privilege', '42501', 'constraint_violation'],
    ['feature', '0A000', 'constraint_violation'],
    ['unique', '23505', 'unique_violation'],
    ['column', '42703', 'source_adapter_misconfigured'],
    ['many', '21000', 'source_adapter_misconfigured'],
  ] as const)(
    'a trigger that says %s (%s): %s, never retryable, with function and message for the operator',
    async (kind, state, code) => {
      const bad = { type: 'CREATE', model: 'notes', id: 'n', input: { text: 'notes', kind } } as const
      const good = {
        type: 'CREATE',
        model: 'notes',
        id: 'g',
        input: { text: 'notes', kind: 'good' },
      } as const
      for (const operations of [[bad], [good, bad]]) {
        const error = await refused(open.commit(operations), code)
        expect(error.retryable).toBe(false)
        expect(error.cause).toBeInstanceOf(DatabaseError)
        const { code: sqlstate, function: raisedBy } = error.cause as DatabaseError
        expect({ sqlstate, raisedBy }).toEqual({ sqlstate: state, raisedBy: 'rules.judge()' })
        expect(error.details).toMatchObject({ index: operations.length - 1, model: 'notes', id: 'n' })
        expect(JSON.stringify(error.details)).not.toContain('tomorrow')
        if (code === 'source_adapter_misconfigured') expect(error.message).toContain('rules.judge()')
        expect(error.message).not.toContain('migrate')
      }
      expect((await open.load('notes', 'g')).row).toBeNull()
    },
  )

  test('the operator hears SQLSTATE, message and constraint; the caller the constraint, and the hint only with the option', async () => {
    for (const triggerHints of [false, true]) {
      const adapter = pgAdapter(open.pool, schema, { triggerHints })
      const endpoint = createEndpoint({
        adapter,
        signingKey: 'whsec_c2NoZW1hcw==',
      })
      const commit = endpoint.local().commit({
        idempotencyKey: `hint-${triggerHints}`,
        operations: [{ type: 'CREATE', model: 'notes', id: 'h', input: { text: 'notes', kind: 'raise' } }],
      })
      const error = await refused(commit, 'constraint_violation')
      expect(error.details).toMatchObject({ constraint: 'no_notes' })
      expect(error.details?.hint).toBe(triggerHints ? 'Come back tomorrow.' : undefined)
      expect(error.cause).toMatchObject({
        code: 'P0001',
        message: 'no notes today',
        constraint: 'no_notes',
        hint: 'Come back tomorrow.',
      })
    }
  })
})
