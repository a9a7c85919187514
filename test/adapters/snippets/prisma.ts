// prisma.ts
import { prismaDataSource } from 'postern/prisma'
import { prisma } from './client.ts'
import { schema } from './schema.ts'

export const source = prismaDataSource(prisma, schema)
