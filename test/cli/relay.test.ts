import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { relaysOf } from '../../src/relay/index.ts'
import type { OpenSource } from '../support/postgres-source.ts'
import { key, type Receiver, startReceiver } from '../system/relay/receiver.ts'
import { openNotes, until, write } from '../system/relay/support.ts'
import { command, postern, root } from './support.ts'

describe('postern relay and postern dead-letters', () => {
  let open: OpenSource
  let receiver: Receiver
  const schema = join(root, 'test/system/relay/schema.ts')
  beforeAll(async () => {
    open = await openNotes()
    receiver = await startReceiver()
  })
  afterAll(async () => {
    await receiver[Symbol.asyncDispose]()
    await open[Symbol.asyncDispose]()
  })

  const call = (args: readonly string[], env = {}) =>
    postern([...args, '--schema', schema, '--database', open.url], { env: { RELAY_KEY: key, ...env } })
  const relay = (...args: string[]) => call(['relay', '--sink', receiver.url, ...args])

  test('a wrong call exits with 2 and names the fault, never the key', async () => {
    for (const [args, env, fault] of [
      [['relay', '--sink', receiver.url], { RELAY_KEY: undefined }, 'set RELAY_KEY'],
      [['relay', '--sink', receiver.url], { RELAY_KEY: 'whsec_***' }, 'key'],
      [['relay', '--sink', 'http://elsewhere.example/'], {}, 'https:'],
      [['dead-letters', 'redrive'], {}, 'ids'],
      [['dead-letters', 'list', '--limit', '99999999999'], {}, '--limit'],
      [['dead-letters', 'list', '--after', 'zzz'], {}, 'is not the id of a dead letter'],
      [['dead-letters', 'redrive', 'zzz'], {}, 'is not the id of a dead letter'],
      [['relay', '--sink', receiver.url, '--name', 'bad name'], {}, 'name'],
    ] as const) {
      const { code, stderr } = await call(args, env)
      expect({ args, code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(fault) })
      expect(stderr).not.toContain('whsec_***')
    }
  })

  test('with --once it delivers what is there and exits with 0; a sink that fails is exit code 1', async () => {
    for (const id of ['a', 'b']) await write(open, id)
    expect(await relay('--once')).toMatchObject({
      code: 0,
      stdout: 'delivered 2 events to relay; 0 behind, 0 dead letters\n',
    })
    await write(open, 'a')
    receiver.behave(() => 500)
    const failed = await relay('--once')
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('The sink answered 500.') })
    expect(failed.stderr).not.toContain('    at ')
    expect(await call(['status'])).toMatchObject({
      stdout: expect.stringContaining('relay relay: stopped, 1 behind'),
    })
    receiver.behave(() => 410)
    expect(await relay('--once', '--resume')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('410'),
    })
    receiver.behave(() => 204)
    expect(await relay('--once')).toMatchObject({ code: 1 })
    expect(await relay('--once', '--resume', '--json')).toMatchObject({ code: 0 })
  })

  test('it runs until it is asked to stop, and ends well', async () => {
    const before = receiver.accepted.length
    const args = command(['relay', '--sink', receiver.url, '--schema', schema, '--database', open.url])
    const env = { ...process.env, NODE_NO_WARNINGS: '1', RELAY_KEY: key }
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (text) => {
      said += text
    })
    await write(open, 'c')
    await until(() => receiver.accepted.length > before)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect({ code, said }).toEqual({
      code: 0,
      said: 'delivered 1 events to relay; 0 behind, 0 dead letters\n',
    })
  })

  test('dead letters are listed without their rows, given up, or sent again', async () => {
    await open.sql(`insert into postern.dead_letter (relay, epoch, position, model, entity_id, event, attempts, error)
      select 'relay', 'e', n, 'notes', 'n' || n, '{"id":"e' || n || '","model":"notes","entityId":"n","stamp":1}', 10, 'HTTP 500'
      from generate_series(1, 3) n`)
    const list = await call(['dead-letters', 'list'])
    expect(list).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^1 {2}notes\/n1 at 1: 10 attempts, .*HTTP 500\n/),
    })
    expect(list.stdout).not.toContain('entityId')
    const json = await call(['dead-letters', 'list', '--json', '--after', '2'])
    expect(JSON.parse(json.stdout)).toMatchObject([{ id: '3', entityId: 'n3' }])
    expect(await call(['dead-letters', 'discard', '2'])).toMatchObject({
      stdout: '1 dead letters given up\n',
    })
    expect(await call(['dead-letters', 'redrive', '--all'])).toMatchObject({
      stdout: '2 dead letters to be sent again\n',
    })
    expect(await relay('--once')).toMatchObject({ code: 0 })
    expect(await relaysOf(open.source).status()).toMatchObject([{ deadLetters: 0 }])
    expect(await call(['dead-letters', 'redrive', '--all', '--name', 'none'])).toMatchObject({ code: 1 })
    expect(await call(['dead-letters', 'list', '--name', 'none'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no relay none.'),
    })
  })

  test('what callers and sinks wrote commands no terminal, and forges no line', async () => {
    const evil = `a\u001b[2J\u009b5n\u007f\nforged`
    await open.pool.query(
      `insert into postern.dead_letter (relay, epoch, position, model, entity_id, event, attempts, error)
        values ('relay', 'e', 9, 'notes', $1, '{}', 1, $1)`,
      [evil],
    )
    await open.pool.query('update postern.relay set last_error = $1', [evil])
    for (const args of [['dead-letters', 'list'], ['status']]) {
      const { code, stdout } = await call(args)
      expect(code).toBe(0)
      expect(stdout).toContain('a\\u001b[2J\\u009b5n\\u007f\\u000aforged')
      expect(stdout).not.toMatch(/[^\n\P{Cc}]/u)
    }
    await relaysOf(open.source).discard('relay', {})
  })
})
