// The verifier's half of a fuzz run, on a core of its own.
import { parentPort, workerData } from 'node:worker_threads'
import { fuzzVerifier } from './verifier.ts'

const { seed, endsAt } = workerData as { seed: number; endsAt: number }
const report = await fuzzVerifier(
  seed,
  () => Date.now() >= endsAt,
  (inputs) => parentPort?.postMessage({ inputs }),
)
parentPort?.postMessage({ inputs: report.inputs, report })
