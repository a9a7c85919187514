import { prismaDataSource } from 'postern/prisma'
import { prisma } from './db'
import { schema } from './schema'

export const adapter = prismaDataSource(prisma, schema)
