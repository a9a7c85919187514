// npm run test:limits -- [--keys 500]
import { parseArgs } from 'node:util'
import { measureBounds } from './bounds.ts'

const { values } = parseArgs({ options: { keys: { type: 'string', default: '500' } } })
const bounds = await measureBounds(Number(values.keys))
const exceeded = bounds.filter(({ limit, measured }) => measured > limit)
for (const { name, limit, measured, unit } of bounds) {
  const verdict = measured > limit ? 'EXCEEDED' : 'ok'
  console.log(`${verdict.padEnd(9)}${name}: ${Math.round(measured)} of ${limit} ${unit}`.trimEnd())
}
console.log(`limits: ${bounds.length} bounds, ${exceeded.length} exceeded`)
process.exitCode = exceeded.length > 0 ? 1 : 0
