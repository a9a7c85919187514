// kysely.ts
import { Kysely, PostgresDialect } from 'kysely'
import { kyselyDataSource } from 'postern/kysely'
import { pool } from './pg.ts'
import { schema } from './schema.ts'

export const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
export const source = kyselyDataSource(db, schema)
