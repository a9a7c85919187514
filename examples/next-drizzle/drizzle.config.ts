export default {
  dialect: 'postgresql',
  schema: './lib/tables.ts',
  dbCredentials: { url: process.env.DATABASE_URL },
}
