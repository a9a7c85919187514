import type { Schema } from '../core/schema/define.ts'
import type { Fixture } from './fixture.ts'
import type { AttachOptions, TestSession } from './session.ts'

/** What the set-up of a run needs of a fixture. */
type Sealable = Pick<Fixture, 'seal' | 'sweep'> & AsyncDisposable

/**
 * A global set-up for vitest (`globalSetup`) and Playwright (`globalSetup`): sweeps what earlier runs left, seals the
 * fixtures, and gives the tear-down, which sweeps again.
 *
 * @example
 * export default sealFixtures(shop)
 */
export function sealFixtures(...fixtures: readonly Sealable[]): () => Promise<() => Promise<void>> {
  return async () => {
    for (const one of fixtures) await one.sweep()
    // One after the other: each times how fast its base is copied.
    for (const one of fixtures) await one.seal()
    return async () => {
      for (const one of fixtures) {
        await one.sweep()
        await one[Symbol.asyncDispose]()
      }
    }
  }
}

/** A fixture of the runner: what vitest's and Playwright's `test.extend` take. */
// biome-ignore lint/complexity/noBannedTypes: that the other fixtures are not looked at is what it says
export type RunnerFixture<T> = (context: {}, use: (value: T) => Promise<void>) => Promise<void>

/**
 * A session for each test, dropped after it; for `test.extend` of vitest and Playwright.
 *
 * @example
 * import { test as base } from 'vitest'
 *
 * const test = base.extend<{ session: TestSession<typeof schema> }>({ session: sessionPerTest(shop) })
 * test('an order is placed', async ({ session }) => { await session.client.list('orders') })
 */
export function sessionPerTest<S extends Schema>(
  fixture: Pick<Fixture<S>, 'attach'>,
  options?: AttachOptions<S>,
): RunnerFixture<TestSession<S>> {
  // Both runners read the names in the braces from the function's text, and refuse one without braces.
  // biome-ignore lint/correctness/noEmptyPattern: see above
  return async ({}, use) => {
    await using session = await fixture.attach(options)
    await use(session)
  }
}

/**
 * A session for each Playwright test, and its token on every request that the browser and `request` make.
 *
 * @example
 * import { test as base } from '@playwright/test'
 *
 * export const test = base.extend(browserSession(shop))
 */
export function browserSession<S extends Schema>(
  fixture: Pick<Fixture<S>, 'attach'>,
  options?: AttachOptions<S>,
) {
  return {
    session: sessionPerTest(fixture, options),
    extraHTTPHeaders: async (
      { session }: { session: TestSession<S> },
      use: (headers: Record<string, string>) => Promise<void>,
    ): Promise<void> => use({ ...session.headers }),
  }
}
