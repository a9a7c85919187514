import { createEndpoint } from 'postern'
import { memoryAdapter } from 'postern/memory'
import { openTelemetry } from 'postern/opentelemetry'
import { schema } from '../../runtimes/schema.ts'
import { exercised, signingKey } from '../serve.ts'

const endpoint = createEndpoint({ adapter: memoryAdapter(schema), signingKey, ...openTelemetry() })
await exercised('http://localhost/source', endpoint.fetch)
