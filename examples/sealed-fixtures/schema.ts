import { defineSchema, model, z } from 'postern'

export const schema = defineSchema({
  products: model({ fields: { name: z.string(), stock: z.int() }, mutable: true }),
  orders: model({
    fields: { productId: z.string(), state: z.enum(['open', 'paid']).default('open') },
    mutable: true,
    capture: true,
  }),
})

export const tables = `
create table products (
  id text primary key, organization_id text not null, name text not null, stock int not null check (stock >= 0)
);
create table orders (
  id text primary key, organization_id text not null, product_id text not null references products, state text not null
);`
