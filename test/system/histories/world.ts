import { defineSchema, model, z } from '../../../src/index.ts'

/** What histories are about: rows of tenants, rows of nobody, and counters. Few of each, so that clients meet. */
export const world = defineSchema({
  items: model({ fields: { a: z.int(), b: z.int() }, mutable: true, capture: true }),
  shared: model({ fields: { a: z.int(), b: z.int() }, mutable: true, policy: { by: 'none' } }),
  counters: model({ fields: { value: z.int() }, mutable: true }),
})

/**
 * The witness keeps every event as it was written, out of reach of the engine: pruning does not touch it, and the
 * engine's own way of reading its log is not asked.
 */
export const worldTables = `
create table items (id text primary key, organization_id text not null, a int not null, b int not null);
create table shared (id text primary key, a int not null, b int not null);
create table counters (id text primary key, organization_id text not null, value int not null);
create table witness (
  position bigint primary key, tenant text, model text, entity_id text, type text, data jsonb, changed text[],
  key text, index int, key_scope text
);`

/** To be run once the engine is installed. */
export const witness = `
create function public.witness() returns trigger language plpgsql as $$
begin
  insert into public.witness select c.position, c.tenant, c.model, c.entity_id, c.type, c.data, c.changed, c.key, c.index, c.key_scope
  from postern.changes c where c.position = new.position;
  return null;
end $$;
create trigger witness after insert on postern.log for each row execute function public.witness();
update postern.meta set log_retention = '0';`

export type ModelName = 'items' | 'shared' | 'counters'
export const tenants = ['north', 'south'] as const
export type Tenant = (typeof tenants)[number]

/** An operation as it is sent. */
export interface Sent {
  readonly type: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly model: ModelName
  readonly id: string
  readonly input?: Readonly<Record<string, number>>
  readonly readAt?: number
  readonly onStale?: 'reject' | 'overwrite' | 'notify' | 'merge'
}

export type Values = Readonly<Record<string, unknown>>

/** A change as the witness or the feed tells it. `tenant` is '' for rows of nobody. */
export interface Change {
  readonly position: number
  readonly tenant: string
  readonly model: ModelName
  readonly id: string
  readonly type: string
  readonly data: Values
  readonly changed: readonly string[] | null
  readonly key: string | null
  readonly index: number | null
  /** What tells apart two tenants' equal keys on rows of nobody. */
  readonly key_scope: string | null
}
