// npm run bench -- [--quick] [--json] [--only <pattern>] [--rounds 7] [--slice 150] [--clients 1,4,16] [--delays 0,1]
// npm run bench -- --growth [--rows 10000000] | --endpoint | --profile | --memory [--commits 1000000]
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { chartOf } from './chart.ts'
import { startDatabase } from './database.ts'
import { growthSections, openGrown, walksAndPruning } from './growth.ts'
import { measureMemory } from './memory.ts'
import { modelSections } from './models.ts'
import { profile } from './profile.ts'
import { Progress } from './progress.ts'
import { type Result, ratiosOf, resultOf, tableOf } from './report.ts'
import { measure, type Pace, type Section, watchSessions } from './rounds.ts'
import { sections } from './sections.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    slice: { type: 'string' },
    clients: { type: 'string' },
    delays: { type: 'string' },
    growth: { type: 'boolean', default: false },
    endpoint: { type: 'boolean', default: false },
    memory: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    commits: { type: 'string', default: '1000000' },
    rows: { type: 'string', default: '10000000' },
    out: { type: 'string', default: path.join(import.meta.dirname, 'results') },
  },
})

const list = (text: string): number[] => text.split(',').map(Number)
const pace: Pace = {
  rounds: Number(values.rounds ?? (values.smoke ? 1 : values.quick ? 3 : 7)),
  sliceMs: Number(values.slice ?? (values.smoke ? 5 : values.quick ? 100 : 150)),
}
const choice = {
  clients: list(values.clients ?? (values.smoke || values.quick ? '1,16' : '1,4,16')),
  delays: list(values.delays ?? '0,1'),
  only: new RegExp(
    values.only ?? (values.smoke ? '^((update|ops100|capture)_c1|update_c16)_net0|^update_c1_net1' : ''),
  ),
}

if (values.endpoint) {
  const { measureEndpoint, measureEntries } = await import('./endpoint.ts')
  const steps = await measureEndpoint(values.quick ? 300 : 2000)
  console.log('A signed commit of 1 KB, without a database')
  for (const { name, medianMicros, p99Micros } of steps) {
    console.log(
      `  ${name.padEnd(34)} ${medianMicros.toFixed(1).padStart(7)} us, p99 ${p99Micros.toFixed(1)} us`,
    )
  }
  console.log('Entries, as published')
  for (const { name, importMs, modules, gzipKb } of measureEntries(values.quick ? 1 : 5)) {
    console.log(
      `  ${name.padEnd(20)} import ${importMs.toFixed(0).padStart(4)} ms  ${gzipKb.toFixed(1).padStart(6)} kB gzip in ${modules} modules`,
    )
  }
  process.exit()
}

const progress = new Progress()
const database = await startDatabase()
const results: Result[] = []
try {
  const warm = async (): Promise<void> => {
    const { rows } = await database.admin.query(
      `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
    )
    watchSessions(rows.map(({ pid }) => pid))
  }
  const run = async (section: Section): Promise<void> => {
    progress.begin(section, pace)
    const result = resultOf(section, await measure(section, pace, warm, () => progress.tick()))
    progress.end()
    results.push(result)
    console.log(tableOf(result))
  }
  if (values.profile) {
    for await (const line of profile(database)) console.log(line)
  } else if (values.memory) {
    for await (const line of measureMemory(database, Number(values.commits))) console.log(line)
  } else if (values.growth) {
    const most = Number(values.rows)
    const sizes = [0, Math.floor(most / 10), most]
    const grown = await openGrown(database, sizes, (text) => progress.say(text))
    for (const section of growthSections(grown)) await run(section)
    for await (const line of walksAndPruning(grown)) console.log(line)
    for (const { pool } of grown) await pool.end()
    for await (const section of modelSections(database)) await run(section)
  } else {
    for await (const section of sections(database, choice)) await run(section)
  }
} finally {
  await database.stop()
}

const report = {
  at: new Date().toISOString(),
  machine: {
    cpus: os.cpus().length,
    cpu: os.cpus()[0]?.model,
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
  },
  versions: { node: process.version, postgres: database.version },
  pace,
  ratios: ratiosOf(results),
}
if (!values.smoke && results.length > 0) {
  mkdirSync(values.out, { recursive: true })
  const file = path.join(values.out, `${report.at.slice(0, 10)}${values.growth ? '-growth' : ''}`)
  writeFileSync(`${file}.json`, `${JSON.stringify({ ...report, results }, null, 2)}\n`)
  writeFileSync(`${file}.html`, chartOf(report, results))
  console.log(`Written: ${path.relative('.', file)}.json and .html`)
}
if (values.json) console.log(JSON.stringify(report))
else for (const [name, ratio] of Object.entries(report.ratios)) console.log(`${name.padEnd(40)} ${ratio}`)
