import { toNextRoute } from 'postern/next'
import { endpoint } from '../../endpoint'

export const { POST } = toNextRoute(endpoint)
