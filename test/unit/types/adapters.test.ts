import type { PGlite, Transaction as PGliteTransaction } from '@electric-sql/pglite'
import type { Client as NeonClient, Pool as NeonPool } from '@neondatabase/serverless'
import { drizzle as drizzleNeon, type NeonDatabase } from 'drizzle-orm/neon-serverless'
import { drizzle as drizzlePg, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import {
  bigint,
  boolean,
  integer,
  jsonb,
  numeric,
  pgEnum,
  pgTable,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite, type PgliteDatabase } from 'drizzle-orm/pglite'
import { drizzle as drizzlePostgresJs, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import type { NodePgDatabase as OldNodePgDatabase } from 'drizzle-orm-0.45.0/node-postgres'
import type { PostgresJsDatabase as OldPostgresJsDatabase } from 'drizzle-orm-0.45.0/postgres-js'
import type { Kysely, Transaction } from 'kysely'
import type { Kysely as OldKysely, Transaction as OldTransaction } from 'kysely-0.28'
import type pg from 'pg'
import type postgres from 'postgres'
import { describe, expectTypeOf, test } from 'vitest'
import { drizzleAdapter, schemaFromDrizzle } from '../../../src/adapters/drizzle/index.ts'
import { kyselyAdapter } from '../../../src/adapters/kysely.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { pgliteAdapter } from '../../../src/adapters/pglite.ts'
import { postgresJsAdapter } from '../../../src/adapters/postgres-js.ts'
import { prismaAdapter, schemaFromPrisma } from '../../../src/adapters/prisma/index.ts'
import { type Adapter, defineSchema, type ModelName, model, type Row, z } from '../../../src/index.ts'
import type { Prisma, PrismaClient } from '../../adapters/prisma/generated/client.ts'

/*
 * The structural types that adapters take must be satisfied by the real ones, and hooks must get the library's own
 * transaction. Nothing here runs: `npm run typecheck` is the test.
 */

const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true }) })
const never = <T>(): T => undefined as T
const compiled = (_: () => unknown): void => {}

describe('each library’s own types fit', () => {
  test('Kysely 0.28, the oldest: hooks get its own Transaction', () =>
    compiled(() => {
      interface Database {
        tasks: { id: string; title: string }
      }
      const db = never<OldKysely<Database>>()
      const adapter = kyselyAdapter(db, schema, {
        pool: never<pg.Pool>(),
        hooks: {
          async beforeCommit({ tx }) {
            expectTypeOf(tx).toEqualTypeOf<OldTransaction<Database>>()
          },
        },
      })
      expectTypeOf(adapter).toExtend<Adapter>()
      // @ts-expect-error a connection is no database
      kyselyAdapter({ executeQuery: db.executeQuery }, schema)
    }))

  test('Drizzle 0.45.0, the oldest: hooks get its own transaction', () =>
    compiled(() => {
      const db = never<OldNodePgDatabase>()
      drizzleAdapter(db, schema, {
        hooks: {
          async beforeCommit({ tx }) {
            expectTypeOf(tx).toEqualTypeOf<Parameters<Parameters<typeof db.transaction>[0]>[0]>()
          },
        },
      })
      expectTypeOf(drizzleAdapter(never<OldPostgresJsDatabase>(), schema)).toExtend<Adapter>()
    }))

  test('node-postgres: a pool and a client', () =>
    compiled(() => {
      expectTypeOf(pgAdapter(never<pg.Pool>(), schema)).toExtend<Adapter>()
      expectTypeOf(pgAdapter(never<pg.Client>(), schema)).toExtend<Adapter>()
      // @ts-expect-error no client of Postgres
      pgAdapter({ connect() {} }, schema)
    }))

  test('postgres.js: hooks get its TransactionSql', () =>
    compiled(() => {
      const sql = never<postgres.Sql>()
      postgresJsAdapter(sql, schema, {
        hooks: {
          async beforeCommit({ tx }) {
            expectTypeOf(tx).toExtend<postgres.TransactionSql>()
            await tx`select 1`
          },
        },
      })
      const custom = never<postgres.Sql<{ bigint: bigint }>>()
      expectTypeOf(postgresJsAdapter(custom, schema)).toExtend<Adapter>()
    }))

  test('PGlite: hooks get its Transaction', () =>
    compiled(() => {
      pgliteAdapter(never<PGlite>(), schema, {
        hooks: {
          afterCommit({ tx }) {
            expectTypeOf(tx).toEqualTypeOf<PGliteTransaction>()
          },
        },
      })
    }))

  test('Kysely: hooks get a Transaction over the application’s tables', () =>
    compiled(() => {
      interface Database {
        tasks: { id: string; title: string }
      }
      kyselyAdapter(never<Kysely<Database>>(), schema, {
        hooks: {
          async beforeCommit({ tx }) {
            expectTypeOf(tx).toEqualTypeOf<Transaction<Database>>()
            await tx.insertInto('tasks').values({ id: 'x', title: 'y' }).execute()
            // @ts-expect-error no such table
            tx.insertInto('nothing')
          },
        },
      })
    }))

  test('Drizzle: the databases of all four drivers, with and without a schema', () =>
    compiled(() => {
      const tables = { tasks: pgTable('tasks', { id: text().primaryKey() }) }
      drizzleAdapter(drizzlePg(never<pg.Pool>(), { schema: tables }), schema, {
        hooks: {
          async beforeCommit({ tx }) {
            await tx.insert(tables.tasks).values({ id: 'x' })
            expectTypeOf(await tx.query.tasks.findFirst()).toEqualTypeOf<{ id: string } | undefined>()
            // @ts-expect-error no such column
            tx.insert(tables.tasks).values({ nothing: 1 })
          },
        },
      })
      drizzleAdapter(drizzlePg(never<pg.Client>()), schema)
      drizzleAdapter(never<NodePgDatabase>(), schema)
      drizzleAdapter(never<NodePgDatabase<typeof tables>>(), schema)
      drizzleAdapter(drizzlePostgresJs(never<postgres.Sql>(), { schema: tables }), schema)
      drizzleAdapter(never<PostgresJsDatabase>(), schema)
      drizzleAdapter(drizzlePglite(never<PGlite>(), { schema: tables }), schema)
      drizzleAdapter(never<PgliteDatabase>(), schema)
      drizzleAdapter(drizzleNeon(never<NeonPool>(), { schema: tables }), schema)
      drizzleAdapter(drizzleNeon(never<NeonClient>()), schema)
      drizzleAdapter(never<NeonDatabase>(), schema, {
        hooks: {
          async afterCommit({ tx }) {
            await tx.select().from(tables.tasks)
          },
        },
      })
      // @ts-expect-error a pool is no database of Drizzle
      drizzleAdapter(never<pg.Pool>(), schema)
    }))

  test('Prisma: the generated client and an extended one; hooks get its transaction', () =>
    compiled(() => {
      const prisma = never<PrismaClient>()
      prismaAdapter(prisma, schema, {
        hooks: {
          async beforeCommit({ tx }) {
            expectTypeOf(tx).toExtend<Prisma.TransactionClient>()
            await tx.task.create({ data: { id: 'x', title: 'y', organizationId: 'z' } })
            // @ts-expect-error no such model
            tx.nothing
          },
        },
      })
      const extended = prisma.$extends({ model: { task: { greet: () => 'hello' } } })
      prismaAdapter(extended, schema, {
        hooks: {
          async afterCommit({ tx }) {
            expectTypeOf(tx.task.greet()).toExtend<string>()
          },
        },
      })
      // @ts-expect-error no Prisma client
      prismaAdapter({ $connect() {} }, schema)
    }))
})

describe('schemas made from an ORM know the rows that travel', () => {
  test('schemaFromDrizzle', () =>
    compiled(() => {
      const mood = pgEnum('mood', ['calm', 'wild'])
      const players = pgTable('players', {
        id: uuid().primaryKey().defaultRandom(),
        nick: text().notNull(),
        age: integer(),
        mood: mood().notNull().default('calm'),
        points: bigint({ mode: 'number' }).notNull(),
        wage: numeric({ mode: 'number' }),
        seenAt: timestamp().notNull(),
        active: boolean(),
        doc: jsonb().$type<{ a: number }>().notNull(),
        tags: text().array().notNull(),
        ids: bigint({ mode: 'bigint' }).array(),
        password: text(),
      })
      const schema = schemaFromDrizzle(
        { players, mood },
        {
          players: {
            fields: ['nick', 'age', 'mood', 'points', 'wage', 'seenAt', 'active', 'doc', 'tags', 'ids'],
            mutable: ['CREATE'],
          },
        },
      )
      expectTypeOf<ModelName<typeof schema>>().toEqualTypeOf<'players'>()
      expectTypeOf<Row<typeof schema, 'players'>>().toEqualTypeOf<{
        id: string
        nick: string
        age: number | null
        mood: 'calm' | 'wild'
        points: string
        wage: string | null
        seenAt: string
        active: boolean | null
        doc: { a: number }
        tags: string[]
        ids: string[] | null
      }>()
      // @ts-expect-error no such column
      schemaFromDrizzle({ players }, { players: { fields: ['nothing'] } })
      // @ts-expect-error no such table
      schemaFromDrizzle({ players }, { nothing: { fields: [] } })
    }))

  test('schemaFromPrisma', () =>
    compiled(() => {
      const schema = schemaFromPrisma(never<PrismaClient>(), {
        person: {
          fields: [
            'organizationId',
            'name',
            'role',
            'token',
            'sortKey',
            'score',
            'balance',
            'big',
            'active',
            'motto',
            'tags',
            'birthday',
            'joinedAt',
            'seenAt',
          ],
        },
        post: { fields: ['title'] },
      })
      expectTypeOf<ModelName<typeof schema>>().toEqualTypeOf<'person' | 'post'>()
      expectTypeOf<Row<typeof schema, 'person'>>().toEqualTypeOf<{
        id: string
        organizationId: string
        name: string
        role: 'member' | 'admin'
        token: string
        sortKey: string
        score: number
        balance: string
        big: string
        active: boolean
        motto: string
        tags: string[]
        birthday: string | null
        joinedAt: string
        seenAt: string
      }>()
      expectTypeOf<Row<typeof schema, 'post'>['id']>().toEqualTypeOf<number>()
      // @ts-expect-error no such field
      schemaFromPrisma(never<PrismaClient>(), { post: { fields: ['nothing'] } })
      // @ts-expect-error no such model
      schemaFromPrisma(never<PrismaClient>(), { nothing: { fields: [] } })
    }))
})
