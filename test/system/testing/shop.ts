import { randomBytes } from 'node:crypto'
import { beforeAll, inject, onTestFinished } from 'vitest'
import { type Fixture, type FixtureOptions, fixture } from '../../../src/testing/index.ts'
import type { PgMajor } from '../../support/db.ts'
import { populate, schema } from './shop-base.ts'

export * from './shop-base.ts'

export const serverUrl = (major: PgMajor): string => inject(major === 15 ? 'pg15Url' : 'pgUrl')

export type Options = Partial<FixtureOptions<typeof schema>> & {
  readonly major?: PgMajor
  readonly name?: string
}

/** What another process would declare: the same fixture, on connections of its own. */
export function declare({
  major = 18,
  name = `shop ${randomBytes(6).toString('hex')}`,
  ...options
}: Options) {
  return fixture(name, {
    schema,
    connection: serverUrl(major),
    populate,
    // the timing of strategies has a test of its own
    strategy: 'file_copy',
    ...options,
  })
}

/** A fixture under a name of its own; what it leaves on the server goes with the test. */
export function shop(options: Options = {}) {
  const made = declare(options)
  onTestFinished(() => remove(made))
  return made
}

/** A sealed fixture for all tests of a file or a group, which leave the base as it is. */
export function sealedShop(options: Options = {}) {
  const made = declare(options)
  beforeAll(async () => {
    await made.seal()
    return () => remove(made)
  })
  return made
}

export async function remove(made: Fixture<typeof schema>): Promise<void> {
  await made.destroy()
  await made[Symbol.asyncDispose]()
}

export const ids = (rows: readonly { id?: unknown }[]): unknown[] => rows.map(({ id }) => id)
