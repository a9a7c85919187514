import { db } from './db.ts'
import { adapter } from './endpoint.ts'

await db.schema
  .createTable('tasks')
  .ifNotExists()
  .addColumn('id', 'text', (column) => column.primaryKey())
  .addColumn('organization_id', 'text', (column) => column.notNull())
  .addColumn('title', 'text', (column) => column.notNull())
  .addColumn('status', 'text', (column) => column.notNull().defaultTo('todo'))
  .execute()

await adapter.migrate()
console.log('migrated')
await db.destroy()
