import { told } from '../../endpoint'

export const dynamic = 'force-dynamic'
export const GET = (): Response => Response.json(told)
