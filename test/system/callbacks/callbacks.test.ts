import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { expect, test } from 'vitest'

test('every function that the package takes is made to fail, and nothing escapes', () => {
  const file = path.join(import.meta.dirname, 'main.ts')
  const args = ['--conditions=postern-source', file, '--quick']
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  expect(output).toMatch(/^callbacks: [1-9]\d{2} tried, 0 escaped\n$/)
}, 120_000)
