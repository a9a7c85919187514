import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { fingerprintOf } from '../../../src/testing/fingerprint.ts'
import type { FixtureDatabase } from '../../../src/testing/index.ts'
import { declare, populate, schema } from './shop.ts'

const told: string[] = []
beforeEach(() => {
  told.length = 0
  vi.spyOn(console, 'warn').mockImplementation((message) => void told.push(String(message)))
})
afterEach(() => void vi.restoreAllMocks())

/** An adapter of the application's whose pool is ended with a connection that nobody gave back. */
async function leaking({ url, defer }: FixtureDatabase) {
  const pool = new pg.Pool({ connectionString: url ?? '' })
  pool.on('error', () => {})
  const client = await pool.connect()
  client.on('error', () => {})
  defer(() => pool.end())
  return pgAdapter(pool, schema)
}

test('a connection that was not given back hangs neither seal, nor dispose, nor the next process: it is ended, and told', async () => {
  await using shop = declare({ name: `leak-${process.pid}`, adapter: leaking })
  await shop.seal()
  expect(told.join()).toContain('a connection was not given back')
  const session = await shop.attach()
  await session[Symbol.asyncDispose]()
  expect(told).toHaveLength(2)
  // as another process has it
  await using other = declare({ name: `leak-${process.pid}` })
  await other.reseal()
  await other.destroy()
})

test('who waited for the lock seals what the inputs are then, not what they were before it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-inputs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'seed.sql')
  writeFileSync(file, 'one')
  const name = `waiting-${process.pid}`
  let go = () => {}
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  let filling = () => {}
  const started = new Promise<void>((resolve) => {
    filling = resolve
  })
  await using first = declare({
    name,
    inputs: { files: [file] },
    populate: async (base) => {
      await populate(base)
      filling()
      await gate
    },
  })
  await using second = declare({ name, inputs: { files: [file] } })
  const sealing = first.seal().catch((error: unknown) => error)
  await started
  const after = second.seal()
  // it has looked at the inputs, and waits
  await new Promise((resolve) => setTimeout(resolve, 300))
  writeFileSync(file, 'two')
  go()
  expect(await sealing).toMatchObject({ code: 'fixture_fingerprint_changed' })
  expect(await after).toMatchObject({ populated: true, fingerprint: await second.fingerprint() })
  await second.destroy()
})

test('what fails while it is closed keeps nothing else from being closed, and is told', async () => {
  const closed: string[] = []
  let fails = false
  await using shop = declare({
    name: `closing-${process.pid}`,
    adapter: ({ url, defer }) => {
      const pool = new pg.Pool({ connectionString: url ?? '' })
      pool.on('error', () => {})
      defer(() => void closed.push('before'))
      defer(() => {
        closed.push('failing')
        if (fails) throw new Error('it cannot be closed')
      })
      defer(async () => {
        await pool.end()
        closed.push('pool')
      })
      return pgAdapter(pool, schema)
    },
  })
  await shop.seal()
  closed.length = 0
  fails = true
  const session = await shop.attach()
  await expect(session[Symbol.asyncDispose]()).rejects.toThrow('it cannot be closed')
  expect(closed.toSorted()).toEqual(['before', 'failing', 'pool'])
  await shop.destroy()
})

test('an input that changes while the base is filled is not sealed under either fingerprint', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-inputs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'seed.sql')
  writeFileSync(file, 'one')
  let changes = true
  await using shop = declare({
    name: `race-${process.pid}`,
    inputs: { files: [file] },
    populate: async (base) => {
      await populate(base)
      if (changes) writeFileSync(file, 'two')
    },
  })
  await expect(shop.seal()).rejects.toMatchObject({
    code: 'fixture_fingerprint_changed',
    message: expect.stringContaining('file seed.sql'),
  })
  await expect(shop.attach()).rejects.toMatchObject({ code: 'fixture_not_sealed' })
  changes = false
  expect(await shop.seal()).toMatchObject({ populated: true })
  await using _session = await shop.attach()
  await shop.destroy()
})

describe('inputs.values', () => {
  const cyclic: unknown[] = []
  cyclic.push(cyclic)
  test.each<[string, unknown]>([
    ['a set', { a: new Set([1]) }],
    ['a map', new Map()],
    ['a function', [() => 1]],
    ['a symbol', { a: Symbol('x') }],
    ['a member that is undefined', { a: undefined }],
    ['a hole', Array(2)],
    ['a date', { at: new Date() }],
    ['a bigint', 1n],
    ['not a number', Number.NaN],
    ['infinity', [Number.POSITIVE_INFINITY]],
    ['minus zero', -0],
    ['bytes', new Uint8Array(2)],
    ['an instance of a class', new (class Shop {})()],
    ['half a character', '\ud800'],
    ['what is part of itself', cyclic],
    ['an error', new Error('x')],
    ['a regular expression', /x/],
    ['an object with symbols', { [Symbol('a')]: 1 }],
  ])('%s is refused: JSON could not tell it from others', async (_, values) => {
    const of = fingerprintOf({ inputs: { values }, schema: 's', postgres: 'p', codeVersion: '' })
    await expect(of).rejects.toThrow(/^`inputs\.values/)
  })
})
