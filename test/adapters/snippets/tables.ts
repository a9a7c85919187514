// tables.ts
import { boolean, pgTable, text } from 'drizzle-orm/pg-core'

export const tasks = pgTable('todo_items', {
  id: text().primaryKey(),
  organizationId: text('org_id').notNull(),
  title: text().notNull(),
  done: boolean('is_done').notNull(),
})
