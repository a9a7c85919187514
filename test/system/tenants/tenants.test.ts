import { afterAll, expect, test } from 'vitest'
import { adapterNamed, usualAdapters } from '../../support/adapters.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { plants } from './plants.ts'
import { programOf } from './program.ts'
import { leakOf, type Subject } from './run.ts'
import { openSubject } from './subjects.ts'

/*
 * What a tenant is told and has must not depend on whether another tenant is there. The long form is
 * `npm run test:tenants -- --programs 2000`.
 */

const subjects: Subject[] = []
const databases: TestDatabase[] = []
const freshUrl = async (): Promise<string> => {
  const database = await freshDatabase()
  databases.push(database)
  return database.url
}
afterAll(async () => {
  await Promise.all(subjects.map((subject) => subject.close()))
  await Promise.all(databases.map((database) => database.drop()))
})

// a day has a seed, so that the suite walks on and a failure can be had again
const seed = Math.floor(Date.now() / 86_400_000) * 6_000
test.each(usualAdapters.map((listed, n) => ({ name: listed.name, listed, n })))(
  '$name: no answer, event, error or effect depends on another tenant’s data',
  async ({ listed, n }) => {
    const programs = Array.from({ length: 5 }, (_, index) => programOf(seed + n + index * 6))
    const subject = await openSubject(listed, (programs[0] as (typeof programs)[number]).world, freshUrl)
    subjects.push(subject)
    for (const program of programs) {
      expect(await leakOf(program, subject, { alone: [], beside: [] })).toBeUndefined()
    }
  },
)

test.each(plants)('a planted leak is found: $name', async ({ edit }) => {
  const pg = adapterNamed('pg')
  const subject = await openSubject(pg, programOf(0).world, freshUrl, edit)
  subjects.push(subject)
  for (let n = 0; n < 60; n += 1) {
    if ((await leakOf(programOf(n * 6), subject, { alone: [], beside: [] })) !== undefined) return
  }
  expect.fail('not found by 60 programs')
})
