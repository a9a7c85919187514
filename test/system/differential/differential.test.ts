import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { usualAdapters } from '../../support/adapters.ts'
import { freshDatabase, type TestDatabase } from '../../support/db.ts'
import { type Program, programOf } from './program.ts'
import { compare, type Subject } from './run.ts'
import { openSubjects } from './subjects.ts'

/*
 * One program on every adapter and on the specification in memory: the same statuses, bodies, rows and events. The long
 * form is `npm run test:differential -- --programs 2000`.
 */

const databases: TestDatabase[] = []
let subjects: readonly Subject[] = []
beforeAll(async () => {
  subjects = await openSubjects(async () => {
    const database = await freshDatabase()
    databases.push(database)
    return database.url
  })
}, 240_000)
afterAll(async () => {
  await Promise.all(subjects.map((subject) => subject.close()))
  await Promise.all(databases.map((database) => database.drop()))
})

// a day has a seed, so that the suite walks on and a failure can be had again
const seed = Math.floor(Date.now() / 86_400_000) * 1_000
test.each(Array.from({ length: 20 }, (_, n) => seed + n))('random program of seed %i', async (at) => {
  expect(subjects).toHaveLength(usualAdapters.length)
  expect(await compare(programOf(at), subjects)).toBeUndefined()
})

test('no program asks whether an id that a database made is before or after another', () => {
  const conditions = Array.from({ length: 2_000 }, (_, n) => programOf(n))
    .flat()
    .flatMap(
      (step) => (step.do === 'list' && step.model === 'notes' ? (step.query.where ?? []) : []) as unknown[],
    )
    .flatMap(comparisonsIn)
    .filter(([name]) => name === 'id')
  const operators = new Set(conditions.map((condition) => (condition.length === 2 ? '=' : condition[1])))
  expect(operators).toContain('IN')
  for (const operator of ['<', '<=', '>', '>=', 'LIKE']) expect(operators).not.toContain(operator)
})

/** Those that `or`, `and` and `not` join, too. */
function comparisonsIn(condition: unknown): unknown[][] {
  if (Array.isArray(condition)) return [condition]
  return Object.values(condition as object).flatMap((joined) =>
    (Array.isArray(joined) && typeof joined[0] !== 'string' ? joined : [joined]).flatMap(comparisonsIn),
  )
}

const cases = path.join(import.meta.dirname, 'cases')
test.each(readdirSync(cases))('found once: %s', async (name) => {
  const program = JSON.parse(readFileSync(path.join(cases, name), 'utf8')) as Program
  expect(await compare(program, subjects)).toBeUndefined()
})
