import { defineSchema, model, z } from '../../../src/index.ts'

/** What nobody outside may ever read: it stands in messages, details, hints and rows. */
export const CANARY = 'CANARY-4f1d'

/**
 * A model whose writes, and a view whose rows, fail with the SQLSTATE that the test names: as a statement of ours does,
 * or by a RAISE in the application's own trigger when the code begins with `own:`.
 */
export const provoked = defineSchema({
  items: model({ fields: { code: z.string().optional(), text: z.string().optional() }, mutable: true }),
  broken: model({ fields: { text: z.string().optional() }, mutable: false }),
})

export const provokedTables = `
create table items (id text primary key, organization_id text not null, code text, text text);
create function provoke(_code text) returns text language plpgsql as $$
begin
  return postern.provoke(_code);
end $$;
create function provoke_row() returns trigger language plpgsql as $$
begin
  if new.code like 'own:%' then
    raise exception using errcode = substr(new.code, 5), message = '${CANARY} message', detail = '${CANARY} detail',
      hint = '${CANARY} hint';
  end if;
  perform provoke(new.code);
  return new;
end $$;
create trigger provoke before insert or update on items for each row when (new.code is not null)
execute function provoke_row();
create table codes (id text primary key, organization_id text not null);
create view broken as select c.id, c.organization_id, provoke(c.id) as text from codes c;`

/** To be run once ours is installed: who raises is told by the schema of the innermost function. */
export const provokedWithin = `
create function postern.provoke(_code text) returns text language plpgsql as $$
begin
  raise exception using errcode = _code, message = '${CANARY} message', detail = '${CANARY} detail',
    hint = '${CANARY} hint';
end $$;`

const either = ['source_unavailable', 'commit_outcome_unknown']

/** SQLSTATE, what a commit may answer, what a list may answer. */
export const answers: readonly (readonly [
  state: string,
  commit: readonly string[],
  list: readonly string[],
])[] = [
  ...['40001', '40P01', '55P03', '57014', '25P04'].map(
    (state) => [state, ['source_busy'], ['source_busy']] as const,
  ),
  ['23505', ['unique_violation'], []],
  ...['23503', '23001'].map((state) => [state, ['foreign_key_violation'], []] as const),
  ['23502', ['not_null_violation'], []],
  ['23514', ['check_violation'], []],
  ['23P01', ['constraint_violation'], []],
  ...['22001', '22003', '22007', '22008', '22009', '22021', '22P02', '22P05', '54000', '54001'].map(
    (state) => [state, ['source_commit_invalid'], ['invalid_query']] as const,
  ),
  ['428C9', ['source_commit_invalid'], []],
  ...['2201B', '2201W'].map((state) => [state, ['source_commit_invalid'], ['invalid_query']] as const),
  // what triggers of the application raise: the plain form, and codes of classes that Postgres does not have
  ...['P0001', 'ZZ001', '45000', '50001', '70001'].map(
    (state) => [state, ['constraint_violation'], []] as const,
  ),
  ...['42501', '42P01', '42P05', '42703', '42883', '3D000', '3F000', '28000', '28P01'].map(
    (state) => [state, ['source_adapter_misconfigured'], ['source_adapter_misconfigured']] as const,
  ),
  ...['25006', '53100', '53200', '53300'].map(
    (state) => [state, ['source_unavailable'], ['source_unavailable']] as const,
  ),
  ...['57P01', '57P02', '57P03', '08000', '08006'].map(
    (state) => [state, either, ['source_unavailable']] as const,
  ),
  ...['25P02', '26000', 'XX000'].map((state) => [state, ['internal_error'], ['internal_error']] as const),
]

/** What a RAISE in a trigger of the application answers: a refusal of the change or another try, never a fault of the set-up. */
export const raised: readonly (readonly [state: string, code: string])[] = [
  ...['40001', '40P01', '55P03', '57014'].map((state) => [state, 'source_busy'] as const),
  ['23505', 'unique_violation'],
  ...['23503', '23001'].map((state) => [state, 'foreign_key_violation'] as const),
  ['23502', 'not_null_violation'],
  ['23514', 'check_violation'],
  ...['22001', '22P02', '54000', '428C9', '2201B'].map((state) => [state, 'source_commit_invalid'] as const),
  ...['23P01', 'P0001', 'ZZ001', '45000', '50001', '70001'].map(
    (state) => [state, 'constraint_violation'] as const,
  ),
  ...['42501', '42P01', '42703', '42883', '3D000', '3F000', '28000', '28P01', '0A000', '2F003', '39000'].map(
    (state) => [state, 'constraint_violation'] as const,
  ),
  ...['25P02', '42P05', '26000', 'XX000'].map((state) => [state, 'constraint_violation'] as const),
  // what asks for another try is given it
  ['25P04', 'source_busy'],
  ...['25006', '53100', '53300', '57P03'].map((state) => [state, 'source_unavailable'] as const),
]
