import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ratiosOf } from '../../../bench/report.ts'

const root = path.join(import.meta.dirname, '../../..')

test('the bench measures every way to a single update against the bare one, and its last line is JSON', () => {
  const output = execFileSync(
    process.execPath,
    [
      '--conditions=postern-source',
      'bench/main.ts',
      '--smoke',
      '--json',
      '--only',
      '^update_c1_net0',
      '--clients',
      '1',
    ],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 },
  )
  const { ratios } = JSON.parse(output.trim().split('\n').at(-1) as string)
  for (const name of ['pg', 'postgresjs', 'drizzle', 'kysely', 'prisma']) {
    expect(ratios[`update_${name}_c1`]).toBeGreaterThan(0)
  }
  expect(ratios.handler_c1).toBeGreaterThan(0)
  expect(ratios.express_c1).toBeGreaterThan(0)
}, 90_000)

test('ratios carry clients and network in their names, but for what is always measured alone', () => {
  const measured = (name: string, ratios: Record<string, number>) => ({
    name,
    perSecond: 1,
    p50: 1,
    p99: 1,
    serverMicros: null,
    ratios,
  })
  const section = (name: string, clients: number, delayMs: number, base: string) => ({
    name,
    title: name,
    clients,
    delayMs,
    bases: [base],
    contestants: [
      measured(base, {}),
      measured('pg', { [base]: 0.5 }),
      measured('with capture', { [base]: 0.9 }),
    ],
  })
  expect(
    ratiosOf([
      section('update', 16, 0, 'bare update'),
      section('update', 1, 1, 'bare update'),
      section('ops100', 1, 0, 'same bulk by hand'),
      section('capture', 1, 0, 'without capture'),
    ]),
  ).toEqual({ update_pg_c16: 0.5, update_pg_c1_net1ms: 0.5, ops100_pg_vs_bulk: 0.5, capture: 0.9 })
})
