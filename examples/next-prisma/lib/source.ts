import { prismaAdapter } from 'postern/prisma'
import { prisma } from './db'
import { schema } from './schema'

export const adapter = prismaAdapter(prisma, schema)
