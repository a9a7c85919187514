import { defineSchema, field, model, z } from 'postern'

/** One model of a usual size: what every contestant writes and reads. */
export const schema = defineSchema({
  items: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      amount: field.numeric().optional(),
      updatedAt: field.timestamp().optional(),
      archivedAt: field.timestamp().optional(),
    },
    mutable: true,
    touch: 'updatedAt',
  }),
})

export const TENANT = 'org_1'

/** Rows of the table when the bench begins. */
export const ROWS = 20_000

export const tables = `
create table items (
  id text primary key,
  organization_id text not null,
  title text not null,
  status text not null default 'todo',
  amount numeric(12,2),
  updated_at timestamptz,
  archived_at timestamptz
);
create index items_tenant on items (organization_id, id);`

export const rowId = (n: number): string => `item-${String(n).padStart(6, '0')}`

export const seed = `
insert into items (id, organization_id, title, amount)
select 'item-' || lpad(n::text, 6, '0'), '${TENANT}', 'item ' || n, n / 4.0 from generate_series(0, ${ROWS - 1}) n`
