// prisma.ts
import { prismaAdapter } from 'postern/prisma'
import { prisma } from './client.ts'
import { schema } from './schema.ts'

export const adapter = prismaAdapter(prisma, schema)
