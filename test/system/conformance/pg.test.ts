import { describe, it } from 'vitest'
import { conformance } from '../../../src/conformance/index.ts'
import { subject } from './subject.ts'

conformance({ describe, it }, { ...(await subject('pg')), quick: true })
