import { randomBytes } from 'node:crypto'
import { inject, onTestFinished } from 'vitest'
import { type Fixture, type FixtureOptions, fixture } from '../../src/testing/index.ts'
import type { PgMajor } from '../support/db.ts'
import { populate, schema } from './shop-base.ts'

export * from './shop-base.ts'

export const serverUrl = (major: PgMajor): string => inject(major === 15 ? 'pg15Url' : 'pgUrl')

export type Options = Partial<FixtureOptions<typeof schema>> & {
  readonly major?: PgMajor
  readonly name?: string
}

/** A fixture under a name of its own; what it leaves on the server goes with the test. */
export function shop({
  major = 18,
  name = `shop ${randomBytes(6).toString('hex')}`,
  ...options
}: Options = {}) {
  const made = fixture(name, {
    schema,
    connection: serverUrl(major),
    populate,
    // the timing of strategies has a test of its own
    strategy: 'file_copy',
    ...options,
  })
  onTestFinished(() => remove(made))
  return made
}

export async function remove(made: Fixture<typeof schema>): Promise<void> {
  await made.destroy()
  await made[Symbol.asyncDispose]()
}

export const ids = (rows: readonly { id?: unknown }[]): unknown[] => rows.map(({ id }) => id)
