import { createEndpoint } from 'postern'
import { prismaAdapter } from 'postern/prisma'
import { prisma } from './db'
import { schema } from './schema'

export const adapter = prismaAdapter(prisma, schema)
export const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY })
