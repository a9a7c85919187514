// npm run soak -- --commits 10000 --cuts 100 --kills 5 [--freezes 2] [--adapter pg] [--major 18] [--clients 12] [--seed 1]
import { parseArgs } from 'node:util'
import { serverAdapterNamed } from '../../support/adapters.ts'
import { ProgressBar } from './progress.ts'
import { reportText } from './report.ts'
import { type SoakOptions, soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    commits: { type: 'string', default: '10000' },
    cuts: { type: 'string', default: '100' },
    kills: { type: 'string', default: '5' },
    freezes: { type: 'string', default: '2' },
    adapter: { type: 'string', default: 'pg' },
    major: { type: 'string', default: '18' },
    clients: { type: 'string', default: '12' },
    hooks: { type: 'boolean', default: false },
    prove: { type: 'boolean', default: false },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})

function whole(name: 'commits' | 'cuts' | 'kills' | 'freezes' | 'clients' | 'seed', least: number): number {
  const value = Number(values[name])
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name}: a whole number from ${least}`)
  return value
}

serverAdapterNamed(values.adapter)
if (!['18', '15'].includes(values.major)) throw new Error('--major: 18 or 15')
const options: SoakOptions = {
  commits: whole('commits', 1),
  cuts: whole('cuts', 0),
  kills: whole('kills', 0),
  freezes: whole('freezes', 0),
  clients: whole('clients', 1),
  seed: whole('seed', 0),
  adapter: values.adapter,
  major: values.major === '15' ? 15 : 18,
  hooks: values.hooks,
}
if (options.hooks && options.adapter !== 'pg') throw new Error('--hooks: with --adapter pg only')
if (values.prove) await prove()
else await run()
// after thousands of connections that were reset, Node 24 may spin for ever while it closes handles on a natural end
process.exit()

async function run(): Promise<void> {
  if (options.adapter === 'prisma') {
    const { generatePrismaClient } = await import('../../adapters/prisma/generate.ts')
    await generatePrismaClient()
  }
  const bar = new ProgressBar(options.commits)
  const report = await soak(options, (progress) => bar.show(progress))
  bar.end()
  console.log(reportText(options, report))
  const { lost, duplicated } = report.findings
  process.exitCode = lost.length + duplicated.length + report.crashes === 0 ? 0 : 1
}

async function prove(): Promise<void> {
  const { proveAll, tableOf } = await import('../../mutants/soak/prove.ts')
  const proofs = await proveAll(options.seed, (proof) =>
    console.log(
      `${proof.found ? 'found    ' : 'NOT FOUND'}  ${proof.plant.name}: ${proof.finding} (${proof.after})`,
    ),
  )
  const found = proofs.filter((proof) => proof.found).length
  console.log(`\n${tableOf(proofs)}\n\nplants: ${found} of ${proofs.length} found`)
  process.exitCode = found === proofs.length ? 0 : 1
}
