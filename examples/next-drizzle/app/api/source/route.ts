import { createEndpoint } from 'postern'
import { toNextRoute } from 'postern/next'
import { schema } from '../../../lib/schema'
import { adapter } from '../../../lib/source'

export const { POST } = toNextRoute(createEndpoint({ schema, adapter, signingKey: process.env.POSTERN_KEY }))
