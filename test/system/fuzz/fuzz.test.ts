import { expect, test } from 'vitest'
import { freshDatabase } from '../../support/db.ts'
import { faultOf, fuzzBodies } from './bodies.ts'
import { fuzzVerifier } from './verifier.ts'

// The short form of `npm run fuzz`, from another seed each day.
const SECONDS = Number(process.env.POSTERN_FUZZ_SECONDS ?? 2)
const seed = Number(process.env.POSTERN_FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000))
const timeout = SECONDS * 2_000 + 60_000

/** Ends after the time, but not before it has done something: a busy machine is slow. */
const enough = (least: number): ((count: number) => boolean) => {
  const endsAt = Date.now() + SECONDS * 1000
  return (count) => count >= least && Date.now() >= endsAt
}

test(
  'whatever is broken in a signed request, the verifier accepts none that was not signed',
  async () => {
    const report = await fuzzVerifier(seed, enough(2_000))
    expect(report.failures, `seed ${seed}`).toEqual([])
    expect(report.refused).toBeGreaterThan(report.inputs / 2)
    expect(report.inputs).toBeGreaterThan(report.refused)
  },
  timeout,
)

test(
  'whatever a caller with a key sends: no server error, no value or inside of others in answers and logs, no row of others changed',
  async () => {
    await using database = await freshDatabase()
    const report = await fuzzBodies(database.url, seed, enough(400))
    expect(report.failures, `seed ${seed}`).toEqual([])
    expect([report.accepted, report.serverErrors]).toEqual([0, 0])
    // the requests get somewhere: a good part of them is answered with rows
    expect(report.statuses[200]).toBeGreaterThan(report.bodies / 10)
  },
  timeout,
)

test.each([
  ['a server error', 503, '{"error":"source_busy","requestId":"r"}', 'a server error from input alone'],
  ['a row of another tenant', 200, '{"row":{"title":"CANARY-5e1f"}}', 'said CANARY-5e1f'],
  ['SQL', 400, '{"error":"invalid_query","message":"select t.id","requestId":"r"}', 'said select t.'],
  ['a code that is none', 400, '{"error":"oops","requestId":"r"}', 'no error of the registry'],
  [
    'a wrong status',
    400,
    '{"error":"source_forbidden","requestId":"r"}',
    'another status than the registry has',
  ],
  ['nothing wrong', 200, '{"row":null,"stamp":0}', undefined],
])('%s is seen for what it is', (_, status, text, fault) => {
  expect(faultOf(new Response(null, { status }), text, [])).toBe(fault)
})

test('what a log line gives away is seen too', () => {
  expect(faultOf(new Response(null), '{}', ['{"reason":"postgres://app:CANARY-5e1f@db/app"}'])).toMatch(
    /^said/,
  )
})
