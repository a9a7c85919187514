import { describe, expect, test } from 'vitest'
import { newSeed } from '../../src/conformance/run.ts'
import { freshDatabase, type TestDatabase, templateDatabase } from '../support/db.ts'
import { prepareDatabase } from '../system/conformance/server.ts'
import { mutants } from './conformance/index.ts'
import { attempt } from './conformance/kill.ts'

const seed = newSeed()

describe('a broken adapter is found out by the check that is there for it', () => {
  test.each(mutants)('$killedBy: $fault', { timeout: 60_000 }, async (mutant) => {
    const template = await templateDatabase('conformance', (url) => prepareDatabase(url, 'read committed'))
    const opened: TestDatabase[] = []
    const database = async (isolation: 'read committed' | 'repeatable read' = 'read committed') => {
      const fresh = await freshDatabase({ template })
      opened.push(fresh)
      await prepareDatabase(fresh.url, isolation, false)
      return fresh.url
    }
    try {
      const { killed, found } = await attempt(mutant, { database }, seed)
      expect({ killed, found, seed }).toEqual({
        killed: true,
        found: expect.stringContaining(mutant.message),
        seed,
      })
    } finally {
      for (const one of opened) await one.drop()
    }
  })

  test('no two mutants have the same fault', () => {
    expect(new Set(mutants.map(({ fault }) => fault)).size).toBe(mutants.length)
  })
})
