import { memoryDataSource } from 'postern/memory'
import { dataSourceNext } from 'postern/next'
import { schema } from '../../../schema.ts'

export const runtime = 'nodejs'

export const { POST } = dataSourceNext({
  schema,
  apiKey: process.env.SOURCE_KEY,
  adapter: memoryDataSource(schema),
  limits: { bodyBytes: 50_000 },
})
