// `npm run fuzz -- --minutes 2 [--seed 7]`: attacks the verifier and whole endpoints, on Postgres and in memory.
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { startPostgres } from '../../support/pg-server.ts'
import { fuzzBodies } from './bodies.ts'
import type { VerifierReport } from './verifier.ts'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' } },
})
const minutes = Number(values.minutes)
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('usage: npm run fuzz -- [--minutes 2] [--seed 7]')
  process.exit(2)
}
console.log(`fuzz: seed ${seed}, ${minutes} minutes`)

const url = process.env.POSTERN_TEST_DATABASE_URL
const server = url === undefined ? await startPostgres() : undefined
const endsAt = Date.now() + minutes * 60_000
let inputs = 0
let bodies = 0
const line = setInterval(() => {
  const left = Math.max(0, Math.round((endsAt - Date.now()) / 1000))
  console.log(`fuzz: ${inputs} verifier inputs, ${bodies} bodies, ${left} s left`)
}, 10_000)

const verifier = new Promise<VerifierReport>((resolve, reject) => {
  const worker = new Worker(new URL('./verifier-worker.ts', import.meta.url), {
    workerData: { seed, endsAt },
  })
  worker.on('message', (message: { inputs: number; report?: VerifierReport }) => {
    inputs = message.inputs
    if (message.report !== undefined) resolve(message.report)
  })
  worker.on('error', reject)
})

const [forgeries, sent] = await Promise.all([
  verifier,
  fuzzBodies(
    url ?? (server?.url as string),
    seed,
    () => Date.now() >= endsAt,
    (count) => {
      bodies = count
    },
  ),
])
clearInterval(line)
await server?.stop()

for (const failure of sent.failures) console.error(`FAILED ${failure}`)
for (const { case: number, what, attempt } of forgeries.failures) {
  console.error(
    `FAILED verifier, case ${number}: ${what}\n  ${JSON.stringify({ ...attempt, body: Buffer.from(attempt.body).toString('base64') })}`,
  )
}
console.log(`answers by status: ${JSON.stringify(sent.statuses)}`)
const failed = sent.failures.length + forgeries.failures.length
// neither may have passed by having done nothing
const idle = sent.statuses[200] === undefined || forgeries.refused === forgeries.inputs
if (idle) console.error('FAILED nothing was ever accepted: the fuzzer has missed its target')
if (failed > 0)
  console.error(`${failed} failures; again with: npm run fuzz -- --minutes ${minutes} --seed ${seed}`)
process.exitCode = failed > 0 || idle ? 1 : 0
const accepted = sent.accepted + forgeries.failures.filter(({ what }) => what.startsWith('accepted')).length
console.log(
  `fuzz: ${forgeries.inputs} verifier inputs, ${sent.bodies} bodies, ${accepted} accepted, ${sent.serverErrors} server errors`,
)
