import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { conform } from '../../../src/conformance/command.ts'
import { conformanceSchema } from '../../../src/conformance/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { toNode } from '../../../src/node/index.ts'

const key = 'sk_of_the_command'
let server: Server
let url: string

beforeAll(async () => {
  const adapter = memoryAdapter(conformanceSchema)
  server = createServer(toNode(createEndpoint({ signingKey: key, adapter }))).listen(0)
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function call(...args: string[]) {
  const written: string[] = []
  const warned: string[] = []
  const streams = {
    write: (text: string) => written.push(text),
    warn: (text: string) => warned.push(text),
    live: false,
  }
  const code = await conform(args, streams)
  return { code, output: written.join(''), warnings: warned.join('') }
}

describe('postern conform', () => {
  test('holds a running endpoint to what one model shows, and writes the report', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'postern-conform-'))
    const flags = ['--seed-model', '--level', 'core', '--quick', '--report', directory]
    const { code, output } = await call('--url', url, '--key', key, ...flags)
    expect(output).toMatch(
      /conformance http:\/\/127\.0\.0\.1:\d+\/source: \d+ passed, 0 failed, \d+ skipped\n$/,
    )
    expect(code).toBe(0)
    expect((await readdir(directory)).sort()).toEqual(['index.html', 'junit.xml', 'report.json', 'report.md'])
    await rm(directory, { recursive: true })
  }, 60_000)

  test('ends with 1 when a check fails', async () => {
    const { code, output } = await call('--url', url, '--key', 'sk_another', '--only', 'COMMIT-01')
    expect(output).toContain('401 source_signature_invalid')
    expect(code).toBe(1)
  })

  test('says how it is called', async () => {
    const { code, output } = await call('--help')
    expect(output).toMatch(/^postern conform --url/)
    expect(code).toBe(0)
  })

  test('gives machines one JSON value', async () => {
    const { code, output } = await call('--url', url, '--key', key, '--only', 'COMMIT-01', '--json')
    expect(JSON.parse(output)).toMatchObject({ subject: url, summary: { passed: 1, failed: 0, skipped: 0 } })
    expect(code).toBe(0)
  })

  test('leaves out what it is told to, for the reason given', async () => {
    const skip = ['--only', 'COMMIT-01', '--skip', 'COMMIT-01=not yet = never']
    const { output } = await call('--url', url, '--key', key, ...skip, '--json')
    expect(JSON.parse(output).runs[0].results[0]).toMatchObject({
      status: 'skipped',
      reason: 'not yet = never',
    })
  })

  test.each([
    ['no address', [], '--url'],
    ['no address at all', ['--url', 'example'], '--url'],
    ['a level that does not exist', ['--url', 'http://x', '--key', 'k', '--level', 'speed'], '--level speed'],
    [
      'a check that does not exist',
      ['--url', 'http://x', '--key', 'k', '--only', 'SPEED-01'],
      'no check SPEED-01',
    ],
    [
      'a skip without a reason',
      ['--url', 'http://x', '--key', 'k', '--skip', 'COMMIT-01'],
      '--skip COMMIT-01',
    ],
    ['an option that does not exist', ['--fast'], '--fast'],
  ])('ends with 2 and says why for %s', async (_, args, why) => {
    const { code, output, warnings } = await call(...args)
    expect({ code, output }).toEqual({ code: 2, output: '' })
    expect(warnings).toContain(why)
  })
})
