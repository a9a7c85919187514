import { toNextRoute } from 'postern/next'
import { endpoint } from '../../../lib/endpoint'

export const { POST } = toNextRoute(endpoint)
