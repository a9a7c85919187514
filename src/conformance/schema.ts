import { z } from 'zod'
import { defineSchema } from '../core/schema/define.ts'
import { field } from '../core/schema/field.ts'
import { model } from '../core/schema/model.ts'
import { relation } from '../core/schema/relation.ts'

/** The longest name that `parts` may have, by the schema's own rule. */
const NAME_MAX = 40

/**
 * The models that every check runs on. An adapter is made with this schema, on a store that has the tables of
 * `conformanceTables` or their like; an endpoint that is certified over HTTP serves it, or at least `items`.
 */
export const conformanceSchema = defineSchema({
  /** An ordinary model: rows of a tenant, whose column the shape does not even declare. */
  items: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      rank: z.int32().optional(),
      body: z.string().optional(),
      sharedId: z.string().optional(),
      origin: z.string().optional(),
      updatedAt: field.timestamp().optional(),
      archivedAt: field.timestamp().optional(),
    },
    relations: {
      shared: relation.belongsTo('shared', 'sharedId'),
      parts: relation.hasMany('parts', 'itemId'),
    },
    mutable: true,
    table: 'conformance_items',
    touch: 'updatedAt',
    readOnly: ['origin'],
  }),
  /** Rows whose tenant is their parent's. */
  parts: model({
    fields: { itemId: z.string(), name: z.string().max(NAME_MAX), weight: z.int32().optional() },
    relations: { item: relation.belongsTo('items', 'itemId') },
    mutable: true,
    table: 'conformance_parts',
    policy: { by: 'parent', fk: 'itemId', parent: 'items' },
  }),
  /** Rows of nobody. */
  shared: model({
    fields: { name: z.string() },
    relations: { items: relation.hasMany('items', 'sharedId') },
    mutable: true,
    table: 'conformance_shared',
    policy: { by: 'none' },
  }),
  /** Every kind of value, each optional. The tenant's column is a field here. */
  values: model({
    fields: {
      organizationId: z.string().optional(),
      text: z.string().optional(),
      flag: z.boolean().optional(),
      count: z.int32().optional(),
      ratio: z.number().optional(),
      big: field.bigint().optional(),
      exact: field.numeric().optional(),
      /** Two decimals in the store: what has more must not be rounded in silence. */
      price: field.numeric().optional(),
      at: field.timestamp().optional(),
      day: field.date().optional(),
      ref: field.uuid().optional(),
      bytes: field.bytes().optional(),
      doc: field.json().optional(),
      tags: z.array(z.string().nullable()).optional(),
      bigs: z.array(field.bigint().nullable()).optional(),
      mood: z.enum(['calm', 'wild', 'très content']).optional(),
    },
    mutable: true,
    table: 'conformance_values',
  }),
  /** Constraints of the database that the schema knows nothing of. */
  rules: model({
    fields: {
      code: z.string().optional(),
      size: z.int32().optional(),
      slot: z.int32().optional(),
      owner: z.string().optional(),
      sharedId: z.string().optional(),
    },
    mutable: true,
    table: 'conformance_rules',
  }),
  /** Can only be created. */
  entries: model({ fields: { line: z.string() }, table: 'conformance_entries', mutable: ['CREATE'] }),
  /** A key that is a number, made by the database when a create sends none. */
  counters: model({
    fields: { id: field.bigint(), value: z.int32().default(0) },
    mutable: true,
    table: 'conformance_counters',
  }),
  /** Writes that bypass the endpoint are logged too, where the store can. */
  watched: model({
    fields: { title: z.string() },
    mutable: true,
    table: 'conformance_watched',
    capture: true,
  }),
  /** References to rows of each policy, behind which the store has no foreign keys. */
  links: model({
    fields: {
      itemId: z.string().optional(),
      partId: z.string().optional(),
      sharedId: z.string().optional(),
      linkId: z.string().optional(),
    },
    relations: {
      item: relation.belongsTo('items', 'itemId'),
      part: relation.belongsTo('parts', 'partId'),
      shared: relation.belongsTo('shared', 'sharedId'),
      link: relation.belongsTo('links', 'linkId'),
    },
    mutable: true,
    table: 'conformance_links',
  }),
  /** A key of two fields. */
  pairs: model({
    fields: { itemId: z.string(), tag: z.string(), note: z.string().optional() },
    primaryKey: ['itemId', 'tag'],
    mutable: true,
    table: 'conformance_pairs',
  }),
  /** Two models on one table: what one of them writes is a change of the other's row. */
  books: model({
    fields: { title: z.string(), pages: z.int32().optional(), shelf: z.string().optional() },
    mutable: true,
    table: 'conformance_books',
  }),
  covers: model({
    fields: { heading: z.string(), shelf: z.string().optional() },
    columns: { heading: 'title' },
    mutable: true,
    table: 'conformance_books',
  }),
  /** Commits that touch it can be held at their very end, see `PausePoint`. */
  gated: model({
    fields: { title: z.string(), value: z.int32().default(0), note: z.string().optional() },
    mutable: true,
    table: 'conformance_gated',
  }),
})
