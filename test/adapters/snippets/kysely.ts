// kysely.ts
import { Kysely, PostgresDialect } from 'kysely'
import { kyselyAdapter } from 'postern/kysely'
import { pool } from './pg.ts'
import { schema } from './schema.ts'

export const db = new Kysely({ dialect: new PostgresDialect({ pool }) })
export const adapter = kyselyAdapter(db, schema, { pool })
