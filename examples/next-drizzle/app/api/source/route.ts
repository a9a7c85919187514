import { dataSourceNext } from 'postern/next'
import { schema } from '../../../lib/schema'
import { adapter } from '../../../lib/source'

export const { POST } = dataSourceNext({ schema, adapter, apiKey: process.env.SOURCE_KEY })
