import { PosternError } from '../../core/errors.ts'
import { withClientValues } from '../../core/rules/client-values.ts'
import type { Schema } from '../../core/schema/define.ts'
import type { PostgresAdapter, PostgresAdapterOptions } from '../../postgres/adapter.ts'
import { adapterOver, checkPostgresAdapter } from '../../postgres/adapter.ts'
import type { PostgresConnection, PostgresSession, TextRow } from '../../postgres/connection.ts'
import { type WaitOptions, waitKinds } from '../connected.ts'
import type { PrismaMappingOptions } from './mapping.ts'
import { prismaMapping } from './mapping.ts'

export type { WaitOptions } from '../connected.ts'
export type { DerivedModelOptions, OnNote } from '../derived.ts'
export type { PrismaGenerators, PrismaMappingOptions } from './mapping.ts'
export { type PrismaModels, type PrismaSchemaOptions, schemaFromPrisma } from './schema.ts'

/** What is called of a Prisma transaction. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: (string | null)[]): PromiseLike<unknown>
}

/** What is called of a `PrismaClient`, an extended one included. */
export interface PrismaClient<Tx extends PrismaTransaction = PrismaTransaction> extends PrismaTransaction {
  $transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionLimits): Promise<T>
}

interface TransactionLimits {
  maxWait?: number
  timeout?: number
  isolationLevel?: 'ReadCommitted'
}

/** Options of `prismaAdapter`. */
export interface PrismaAdapterOptions<Tx>
  extends PostgresAdapterOptions<Tx>,
    PrismaMappingOptions,
    WaitOptions {
  /** Longest run of a transaction (hooks, lists, `migrate`), in milliseconds. Default 60,000; Prisma's own is 5,000. */
  transactionTimeoutMs?: number
}

/**
 * An adapter on Prisma. Tables, columns and what Prisma fills in by itself (`@updatedAt`, `@default`) are read
 * from the client; what the schema says goes first.
 *
 * @example
 * // `prisma` is your application's `new PrismaClient({ adapter: new PrismaPg({ connectionString }) })`
 * const adapter = prismaAdapter(prisma, schema)
 */
export function prismaAdapter<Tx extends PrismaTransaction, S extends Schema>(
  prisma: PrismaClient<Tx>,
  schema: S,
  options: PrismaAdapterOptions<Tx> = {},
): PostgresAdapter<Tx, S> {
  checkPostgresAdapter(
    'prismaAdapter',
    { name: 'a PrismaClient', fits: typeof prisma?.$queryRawUnsafe === 'function', given: prisma },
    schema,
    options,
    { ...waitKinds, transactionTimeoutMs: 'number', models: 'object', generators: 'object' },
  )
  const mapped = prismaMapping(prisma, schema, options)
  const adapter = adapterOver(prismaConnection(prisma, options), mapped.schema, options)
  return withClientValues(adapter, mapped.schema, mapped.values)
}

/** The seam alone, for what needs a connection and no adapter. */
export function prismaConnection<Tx extends PrismaTransaction>(
  prisma: PrismaClient<Tx>,
  options: WaitOptions & { transactionTimeoutMs?: number } = {},
): PostgresConnection<Tx> {
  const limits: TransactionLimits = {
    maxWait: options.connectTimeoutMs ?? 5000,
    timeout: options.transactionTimeoutMs ?? 60_000,
    isolationLevel: 'ReadCommitted',
  }
  return {
    query: session(prisma).query,
    within(tx) {
      // a transaction cannot connect; it may have a $transaction of its own
      if ('$connect' in tx && tx.$connect !== undefined) {
        throw new TypeError('tx is the Prisma client; expected what $transaction() passes to its function')
      }
      return session(tx)
    },
    transaction: async (work) => {
      try {
        return await prisma.$transaction((tx) => work(session(tx), tx), limits)
      } catch (error) {
        throw tookTooLong(error) ? new PosternError('source_busy', undefined, { cause: error }) : error
      }
    },
  }
}

const session = (prisma: PrismaTransaction): PostgresSession => ({
  query: async (text, values) => (await prisma.$queryRawUnsafe(text, ...values)) as TextRow[],
})

/** P2028: no connection in time, or the transaction ran out of time and was rolled back. Either way nothing is written. */
const tookTooLong = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'P2028'
