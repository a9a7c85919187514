import { pgTable, text } from 'drizzle-orm/pg-core'

export const tasks = pgTable('tasks', {
  id: text().primaryKey(),
  organizationId: text('organization_id').notNull(),
  title: text().notNull(),
  status: text().notNull().default('todo'),
})
