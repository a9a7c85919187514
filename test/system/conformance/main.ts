// Runs the checks on a built-in adapter: `npm run conformance -- --adapter pg --report reports/pg`.
import { arch, platform } from 'node:os'
import { parseArgs } from 'node:util'
import {
  allResults,
  consoleHooks,
  countsOf,
  levels,
  type Report,
  type Run,
  runConformance,
  summaryLine,
} from '../../../src/conformance/index.ts'
import { writeReports } from '../../../src/conformance/reports/files.ts'
import { newSeed } from '../../../src/conformance/run.ts'
import { adapterNamed, usualAdapters } from '../../support/adapters.ts'
import { type Isolation, isolations, openServer } from './server.ts'
import { openSubject, type Subject } from './subjects.ts'

const names = usualAdapters.map(({ name }) => name)
const { values } = parseArgs({
  options: {
    adapter: { type: 'string' },
    report: { type: 'string' },
    postgres: { type: 'string', default: '18' },
    isolation: { type: 'string' },
    level: { type: 'string', multiple: true },
    only: { type: 'string', multiple: true },
    seed: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const name = values.adapter ?? ''
if (!names.includes(name)) {
  console.error(`--adapter: one of ${names.join(', ')}`)
  process.exit(2)
}
const seed = values.seed ?? newSeed()
const profile = levels.filter((level) => values.level?.includes(level))
const chosen = isolations.filter((one) => values.isolation === undefined || one === values.isolation)
const live = process.stdout.isTTY === true

async function tryOne(subject: Subject, variant: string): Promise<Run> {
  const { adapter, probe, close } = subject
  console.log(`${name}${variant === '' ? '' : `, ${variant}`} (seed ${seed})`)
  const hooks = consoleHooks({ write: (text) => process.stdout.write(text), live })
  const { quick, only } = values
  try {
    return await runConformance(
      { adapter, probe, seed, quick, ...(profile.length > 0 && { profile }), ...(only && { only }) },
      { variant, ...hooks },
    )
  } finally {
    await probe.close?.()
    await close()
  }
}

const startedAt = new Date().toISOString()
const runs: Run[] = []
let environment = `Node ${process.versions.node}, ${platform()} ${arch()}`
if (adapterNamed(name).store !== 'server') {
  const noServer = () => Promise.reject(new Error('it needs no server'))
  runs.push(await tryOne(await openSubject(name, noServer), ''))
} else {
  const server = await openServer(values.postgres === '15' ? 15 : 18)
  environment = `${server.version}, ${environment}`
  try {
    for (const isolation of chosen) {
      const subject = await openSubject(name, () => server.database(isolation as Isolation))
      runs.push(await tryOne(subject, isolation))
    }
  } finally {
    await server.stop()
  }
}

const command = `npm run conformance -- --adapter ${name}`
const report: Report = { subject: name, startedAt, environment, command, runs }
if (values.report !== undefined) console.log(`report: ${await writeReports(values.report, report)}`)
console.log(summaryLine(report))
process.exitCode = countsOf(allResults(report)).failed > 0 ? 1 : 0
