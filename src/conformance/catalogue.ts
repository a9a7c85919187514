import type { Check, Level } from './check.ts'
import { levels } from './check.ts'
import { boundChecks } from './checks/bounds.ts'
import { commitChecks } from './checks/commit.ts'
import { comparisonChecks } from './checks/comparisons.ts'
import { concurrencyChecks } from './checks/concurrency.ts'
import { envelopeChecks } from './checks/envelope.ts'
import { errorChecks } from './checks/errors.ts'
import { exactnessChecks } from './checks/exactness.ts'
import { feedChecks } from './checks/feed.ts'
import { fieldChecks } from './checks/fields.ts'
import { followChecks } from './checks/follow.ts'
import { idempotencyChecks } from './checks/idempotency.ts'
import { keyChecks } from './checks/keys.ts'
import { outcomeChecks } from './checks/outcome.ts'
import { pageChecks } from './checks/pages.ts'
import { queryChecks } from './checks/query.ts'
import { readerChecks } from './checks/readers.ts'
import { staleModeChecks } from './checks/stale-modes.ts'
import { stalenessChecks } from './checks/staleness.ts'
import { tenancyChecks } from './checks/tenancy.ts'
import { valueChecks } from './checks/values.ts'

/** Subjects in the order of their levels; within one, checks run in the order of their numbers. */
const subjects = [
  [...commitChecks, ...outcomeChecks, ...idempotencyChecks, ...keyChecks],
  envelopeChecks,
  fieldChecks,
  errorChecks,
  [...stalenessChecks, ...staleModeChecks],
  [...feedChecks, ...followChecks],
  [...valueChecks, ...exactnessChecks],
  [...queryChecks, ...comparisonChecks, ...pageChecks],
  tenancyChecks,
  boundChecks,
  [...concurrencyChecks, ...readerChecks],
]

const subjectOf = ({ id }: Check): string => id.slice(0, id.indexOf('-'))

/** Every check, in the order in which they run. */
export const catalogue: readonly Check[] = subjects.flatMap((checks) => {
  const order = [...new Set(checks.map(subjectOf))]
  return [...checks].sort(
    (one, other) =>
      order.indexOf(subjectOf(one)) - order.indexOf(subjectOf(other)) || (one.id < other.id ? -1 : 1),
  )
})

/** What a level is about, for people who choose one. */
export const levelTitles: Readonly<Record<Level, string>> = {
  core: 'Commits: all or nothing, once per key, answered exactly',
  envelope: 'The envelope: signature, JSON, shape of requests and refusals',
  fields: 'Fields: what input may set and what it never can',
  errors: "Errors: how the store's objections and troubles are told",
  staleness: 'Staleness: who decided on an old state is told so',
  feed: 'The feed: every committed change once, in order',
  values: 'Values: what is sent comes back, byte for byte',
  query: "Queries: every operator with SQL's meaning, order, pages",
  tenancy: 'Tenancy: whose rows are whose',
  bounds: 'Bounds: what a request may cost, whatever it is about',
  concurrency: 'Concurrency: many callers at once, on warm connections',
}

/** `full`, one level, or several. */
export type Profile = 'full' | Level | readonly Level[]

/** @throws TypeError for a level that does not exist */
export function levelsOf(profile: Profile): readonly Level[] {
  if (profile === 'full') return levels
  const chosen = typeof profile === 'string' ? [profile] : profile
  for (const level of chosen) {
    if (!levels.includes(level))
      throw new TypeError(`conformance: there is no level ${level} (${levels.join(', ')})`)
  }
  return levels.filter((level) => chosen.includes(level))
}
