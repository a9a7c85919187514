import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { fileLock } from '../../../src/testing/file-lock.ts'

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'postern-lock-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** Of a process that held it when it was killed. */
async function abandoned(path: string): Promise<void> {
  const module = JSON.stringify(new URL('../../../src/testing/file-lock.ts', import.meta.url).href)
  const code = `const { fileLock } = await import(${module})
await fileLock(${JSON.stringify(path)})
console.log('held')
setInterval(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test('the lock of a dead process is taken over by one at a time, also when that one dies too', async () => {
  const folder = directory()
  const path = join(folder, 'shop.lock')
  await abandoned(path)
  await abandoned(path)
  const dead = readFileSync(path)
  let inside = 0
  const most: number[] = []
  const one = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await setImmediate()
    await using _lock = await fileLock(path)
    inside += 1
    await sleep(1)
    most.push(inside)
    inside -= 1
  }
  // Each finds the dead owner when another is a few steps further.
  for (let round = 0; round < 10; round++) {
    writeFileSync(path, dead)
    await Promise.all([0, 2, 4, 6, 8, 10].map(one))
  }
  expect(Math.max(...most)).toBe(1)
  expect(readdirSync(folder)).toEqual([])
}, 60_000)

test('a process id counts only where it was given, and only for the process that had it', async () => {
  const path = join(directory(), 'shop.lock')
  {
    await using _lock = await fileLock(path)
    const owner = JSON.parse(readFileSync(path, 'utf8'))
    // This process runs; neither owner is this process.
    for (const other of [{ place: 'another container' }, { started: '1' }]) {
      const lock = `${path}.${Object.keys(other)}`
      writeFileSync(lock, JSON.stringify({ ...owner, id: 'of the dead', ...other }))
      await using _other = await fileLock(lock, 100)
    }
  }
  writeFileSync(path, '')
  await expect(fileLock(path)).rejects.toThrow(/shop\.lock cannot be read: remove it/)
})
