import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PosternError } from '../../../../src/core/errors.ts'
import { attack, createTarget, forgeries } from './forgery.ts'

const SECONDS = Number(process.env.POSTERN_FUZZ_SECONDS ?? 2)

test(
  'whatever is changed in a signed request: accepted only when what was signed is there whole, else 401',
  async () => {
    const target = await createTarget()
    const seen = { accepted: 0, refused: 0, 'no request': 0 }
    const property = fc.asyncProperty(forgeries(target), async (attempt) => {
      const answer = await attack(target, attempt)
      seen[answer.outcome]++
      if (answer.outcome === 'accepted') expect(answer.genuine).toBe(true)
      if (answer.outcome !== 'refused') return
      expect(answer.error).toBeInstanceOf(PosternError)
      expect(answer.error).toMatchObject({ status: 401, code: expect.stringMatching(/^source_/) })
      expect(answer.error).toMatchObject({ details: undefined })
    })
    await fc.assert(property, {
      numRuns: 1e9,
      interruptAfterTimeLimit: SECONDS * 1000,
      markInterruptAsFailure: false,
    })
    // Were nothing accepted, a verifier that always refuses would pass; the generator leaves some requests whole.
    expect(seen.accepted).toBeGreaterThan(0)
    expect(seen.refused).toBeGreaterThan(seen.accepted)
  },
  SECONDS * 1000 + 30_000,
)
