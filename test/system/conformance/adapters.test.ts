import { describe, it } from 'vitest'
import { conformance } from '../../../src/conformance/index.ts'
import { usualAdapters } from '../../support/adapters.ts'
import { essentials } from './essentials.ts'
import { subject } from './subject.ts'

// pg and memory run everything, in files of their own
const others = usualAdapters.filter(({ name }) => name !== 'pg' && name !== 'memory')

for (const { name } of others) {
  const options = { ...(await subject(name)), only: essentials }
  describe(name, () => {
    conformance({ describe, it }, options)
  })
}
