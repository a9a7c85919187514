import { PrismaPg } from '@prisma/adapter-pg'
import { prismaAdapter } from 'postern/prisma'
import { schema, tables } from '../../runtimes/schema.ts'
import { exercisedHere } from '../serve.ts'

// Prisma made it when the application was prepared
const { PrismaClient } = await import(new URL('../../generated/client.ts', import.meta.url).href)
const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL ?? '' }),
})
await prisma.$executeRawUnsafe(tables)
const adapter = prismaAdapter(prisma, schema)
await adapter.migrate()
await exercisedHere(adapter)
await prisma.$disconnect()
