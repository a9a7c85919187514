import { describe, it } from 'vitest'
import { conformance } from '../../../src/conformance/index.ts'
import { essentials } from './essentials.ts'
import { subject } from './subject.ts'

for (const name of ['pglite', 'kysely', 'drizzle', 'prisma', 'postgres-js']) {
  const options = { ...(await subject(name)), only: essentials }
  describe(name, () => {
    conformance({ describe, it }, options)
  })
}
