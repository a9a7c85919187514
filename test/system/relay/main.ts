// npm run test:relay -- --commits 10000 --kills 20 --sink http|nats --storms 300
import { parseArgs } from 'node:util'
import { startPostgres } from '../../support/pg-server.ts'
import { httpCollector, natsCollector } from './collector.ts'
import { runKills } from './kills.ts'
import { noNats, startNats } from './nats-server.ts'
import { runStorms } from './storms.ts'

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '20' },
    sink: { type: 'string', default: 'http' },
    storms: { type: 'string', default: '300' },
  },
})
const [commits, kills] = [Number(values.commits), Number(values.kills)]
if (!Number.isSafeInteger(commits) || commits < 1) throw new Error('--commits: a whole number from 1')
if (!Number.isSafeInteger(kills) || kills < 0) throw new Error('--kills: a whole number from 0')
if (values.sink !== 'http' && values.sink !== 'nats') throw new Error('--sink: http or nats')
if (values.sink === 'nats' && noNats !== undefined) process.exit(1)

const server = await startPostgres()
await using cleanup = new AsyncDisposableStack()
cleanup.defer(() => server.stop())
const collector =
  values.sink === 'http' ? await httpCollector() : await natsCollector(cleanup.use(await startNats()).url)
cleanup.use(collector)

const began = performance.now()
let shown = 0
const report = await runKills({
  commits,
  kills,
  collector,
  database: server.url,
  show(arrived, done) {
    if (performance.now() - shown < 1000) return
    shown = performance.now()
    console.log(`${arrived} events arrived, ${done} kills`)
  },
})
const { events, lost, disordered, foreign, again, atOnce } = report
const seconds = Math.round((performance.now() - began) / 1000)
console.log(
  `${seconds} s; ${again} events arrived again, ${foreign.length} that nobody made or that changed${atOnce === undefined ? '' : `; at most ${atOnce} batch under way at once`}`,
)
for (const id of [...lost.slice(0, 5), ...disordered.slice(0, 5)]) console.log(`  ${id}`)
console.log(
  `relay ${values.sink}: ${commits} commits, ${events} events, ${lost.length} lost, ${disordered.length} out of order, ${report.kills} kills`,
)
const faults = lost.length + disordered.length + foreign.length + Math.max((atOnce ?? 1) - 1, 0)
process.exitCode = faults === 0 && report.kills === kills ? 0 : 1

const storms = Number(values.storms)
if (storms > 0 && noNats === undefined && !process.env.NATS_URL) {
  for (const size of [1, 3]) {
    const other = await startPostgres()
    cleanup.defer(() => other.stop())
    const storm = await runStorms(other.url, storms, size)
    if (storm.lost + storm.disordered > 0) process.exitCode = 1
    const where = size === 1 ? 'one server' : `a cluster of ${size}`
    console.log(
      `relay storms on ${where}: two relays on one stream, ${storm.events} events, ${storm.lost} lost, ${storm.disordered} out of order`,
    )
  }
}
