import { drizzle } from 'drizzle-orm/node-postgres'
import * as tables from './tables'

export const db = drizzle(process.env.DATABASE_URL ?? '', { schema: tables })
