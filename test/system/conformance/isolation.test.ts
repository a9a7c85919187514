import { describe, it } from 'vitest'
import { conformance } from '../../../src/conformance/index.ts'
import { isolated } from './essentials.ts'
import { subject } from './subject.ts'

for (const isolation of ['repeatable read', 'serializable'] as const) {
  const options = { ...(await subject('pg', isolation)), only: isolated }
  describe(`a database whose transactions are ${isolation} by default`, () => {
    conformance({ describe, it }, options)
  })
}
