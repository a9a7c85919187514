import { ClientError, createClient, isPreconditionFailed, isStale } from 'postern/client'
import type { Row } from 'postern'
import type { Schema } from './schema.js'
import { same } from './same.js'

// case: a key that may be missing at run time, and a signer
createClient({ url: new URL('https://example.com'), signingKey: process.env.POSTERN_KEY })
createClient<Schema>({ url: 'https://example.com', sign: async (body, { id }) => ({ body, id }) })

// case: what is known of an error
export function known(error: unknown) {
  if (isStale<Schema>(error)) {
    for (const report of error.details.operations) {
      if (report.model === 'tasks') {
        same<typeof report.current, Row<Schema, 'tasks'> | null | undefined>(true)
        report.changed satisfies readonly (keyof Row<Schema, 'tasks'>)[] | null
      }
    }
  }
  if (isPreconditionFailed(error)) return error.details.operations[0]?.index satisfies number | undefined
  if (error instanceof ClientError && error.is('entity_not_found')) return error.code satisfies 'entity_not_found'
  return undefined
}

// refused: Argument of type '{ url: string; }' is not assignable to parameter of type 'ClientOptions'
createClient({ url: 'https://example.com' })

// refused: is not assignable to parameter of type 'ClientOptions'
createClient({ url: 'https://example.com', signingKey: 'sk_1', sign: async () => ({}) })

// refused: 'retires' does not exist
createClient({ url: 'https://example.com', signingKey: 'sk_1', retires: 3 })

export function misspelt(error: ClientError) {
  // refused: Argument of type '"stale_contxt"' is not assignable
  return error.is('stale_contxt')
}
