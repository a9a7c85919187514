import { describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import {
  catalogue,
  conformance,
  conformanceSchema,
  levels,
  runConformance,
  runConformanceTests,
} from '../../../src/conformance/index.ts'
import { seededRandom } from '../../../src/conformance/random.ts'
import type { Adapter } from '../../../src/index.ts'

const sound = () => memoryAdapter(conformanceSchema)

/** Takes deletes and does nothing: COMMIT-08 fails on it. */
const broken = (): Adapter => {
  const real = sound()
  return {
    ...real,
    commit: (request) =>
      real.commit({ ...request, operations: request.operations.filter(({ type }) => type !== 'DELETE') }),
  }
}

describe('the catalogue', () => {
  test('has at least 80 checks, each with an id of its own', () => {
    expect(catalogue.length).toBeGreaterThanOrEqual(80)
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length)
    for (const { id } of catalogue) expect(id).toMatch(/^[A-Z]+-\d\d$/)
  })

  test('says each promise in one sentence with MUST, SHOULD or MAY, and none twice', () => {
    for (const { must } of catalogue) expect(must).toMatch(/\b(MUST|SHOULD|MAY)\b.*\.$/)
    expect(new Set(catalogue.map(({ must }) => must)).size).toBe(catalogue.length)
  })

  test('has checks at every level', () => {
    expect(new Set(catalogue.map(({ level }) => level))).toEqual(new Set(levels))
  })
})

describe('a run', () => {
  test('tells a failure with what was sent, what came back and what was expected', async () => {
    const run = await runConformance({ adapter: broken, only: ['COMMIT-08'], seed: 'told' })
    const [result] = run.results
    expect(result?.status).toBe('failed')
    expect(result?.failure).toMatchObject({
      message: 'a row that was deleted last must be gone',
      expected: null,
    })
    expect(result?.failure?.received).toMatchObject({ title: 'brief' })
    expect(result?.failure?.exchanges.at(-1)).toMatchObject({
      status: 200,
      sent: expect.stringContaining('"load"'),
    })
    expect(run.seed).toBe('told')
  })

  test('goes by its profile', async () => {
    const run = await runConformance({ adapter: sound, profile: ['fields', 'tenancy'], quick: true })
    expect(new Set(run.results.map(({ level }) => level))).toEqual(new Set(['fields', 'tenancy']))
  })

  test('skips what has no probe, and says which one is missing', async () => {
    const run = await runConformance({ adapter: sound, only: ['COMMIT-05', 'ERROR-06', 'FEED-16'] })
    expect(run.results.map(({ status, reason }) => [status, reason])).toEqual([
      ['skipped', 'needs probe.row (reads a row past the adapter)'],
      ['skipped', expect.stringContaining("probe.constraints to name 'exclusion'")],
      ['skipped', 'needs probe.points (holds a commit at a chosen place)'],
    ])
  })

  test('leaves out what it is told to, with the reason given', async () => {
    const run = await runConformance({
      adapter: broken,
      only: ['COMMIT-08'],
      skip: { 'COMMIT-08': 'no deletes here' },
    })
    expect(run.results[0]).toMatchObject({ status: 'skipped', reason: 'no deletes here' })
  })

  test('does not count what is known to fail, and fails when it passes after all', async () => {
    const knownFailing = { 'COMMIT-08': 'deletes come later' }
    const failing = await runConformance({ adapter: broken, only: ['COMMIT-08'], knownFailing })
    expect(failing.results[0]).toMatchObject({ status: 'known', reason: 'deletes come later' })
    const passing = await runConformance({ adapter: sound, only: ['COMMIT-08'], knownFailing })
    expect(passing.results[0]).toMatchObject({
      status: 'failed',
      failure: { message: expect.stringContaining('take the entry out') },
    })
  })

  test('tells a check that broke from a promise that is broken', async () => {
    const probe = { ledger: () => Promise.reject(new Error('no such table')) }
    const run = await runConformance({ adapter: sound, probe, only: ['IDEM-17'] })
    expect(run.results[0]?.failure?.message).toMatch(/^the check itself broke: Error: no such table/)
  })

  test.each([
    ['an id that does not exist', { only: ['COMMIT-99'] }, 'there is no check COMMIT-99'],
    ['a skip without a reason', { skip: { 'COMMIT-01': ' ' } }, 'COMMIT-01 needs a reason'],
    ['a level that does not exist', { profile: ['speed'] as never }, 'there is no level speed'],
    ['two subjects', { url: 'http://localhost', key: 'k' }, 'give one of'],
  ])('refuses %s', async (_, options, message) => {
    await expect(runConformance({ adapter: sound, ...options })).rejects.toThrow(message)
  })

  test('refuses an address without a key', async () => {
    await expect(runConformance({ url: 'http://localhost' })).rejects.toThrow('needs the `key`')
  })
})

describe('a test runner', () => {
  /** A runner of our own: nothing of a real one is imported by the kit. */
  function runner() {
    const registered: { name: string; work: () => Promise<void> }[] = []
    const skipped: string[] = []
    const it = Object.assign((name: string, work: () => Promise<void>) => registered.push({ name, work }), {
      skip: (name: string) => skipped.push(name),
    })
    return { registered, skipped, describe: (_: string, define: () => void) => define(), it }
  }

  test('gets one test for each check, named by its promise, and the rest as skipped', () => {
    const { registered, skipped, ...handed } = runner()
    conformance(handed, { adapter: sound })
    expect(registered.length + skipped.length).toBe(catalogue.length)
    expect(registered[0]?.name).toBe(`COMMIT-01 ${catalogue[0]?.must}`)
    expect(skipped.every((name) => name.includes('(needs probe.'))).toBe(true)
  })

  test('sees a failure with everything that is needed to repeat it', async () => {
    const { registered, ...handed } = runner()
    conformance(handed, { adapter: broken, only: ['COMMIT-08'], seed: 'again' })
    const failure = await registered[0]?.work().catch((error: Error) => error.message)
    expect(failure).toContain('COMMIT-08: a row that was deleted last must be gone')
    expect(failure).toContain('seed:     again')
    expect(failure).toContain('"type":"load"')
  })

  test('is served by the one call of the reference system', async () => {
    const { registered, it } = runner()
    let made = 0
    runConformanceTests(() => {
      made++
      return sound()
    }, it)
    await registered.find(({ name }) => name.startsWith('COMMIT-01'))?.work()
    await registered.find(({ name }) => name.startsWith('COMMIT-02'))?.work()
    expect(made).toBe(1)
  })
})

test('the same seed makes the same choices', () => {
  const choices = (seed: string): unknown[] => {
    const random = seededRandom(seed)
    return [random.below(1000), random.pick(['a', 'b', 'c']), random.shuffled([1, 2, 3, 4, 5, 6, 7, 8])]
  }
  expect(choices('one')).toEqual(choices('one'))
  expect(choices('one')).not.toEqual(choices('other'))
})
