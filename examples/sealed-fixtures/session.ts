import type { TestSession } from 'postern/testing'
import { sessionPerTest } from 'postern/testing'
import { test as base } from 'vitest'
import type { schema } from './schema.ts'
import { shop } from './shop.ts'

/** `test` of vitest, with a session of its own for each test. */
export const test = base.extend<{ session: TestSession<typeof schema> }>({ session: sessionPerTest(shop) })
