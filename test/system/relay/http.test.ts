import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { RelayOptions } from '../../../src/relay/index.ts'
import { httpSink, relaysOf, standardSchedule } from '../../../src/relay/index.ts'
import { key, type Receiver, startReceiver } from './receiver.ts'
import { idsOf, leapingClock, openNotes, startRelay, until, write } from './support.ts'

const sinkOf = (receiver: Receiver, more: object = {}) => httpSink({ url: receiver.url, key, ...more })

/** A relay to a receiver, on a clock on which the schedule is over at once. */
async function opened(events: number, options: Partial<RelayOptions> = {}) {
  const open = await openNotes()
  for (let n = 0; n < events; n += 1) await write(open, `n${n}`)
  const receiver = await startReceiver()
  const clock = leapingClock()
  const start = () => startRelay(open, { sink: sinkOf(receiver, httpOptions), clock, ...options })
  let httpOptions = {}
  return {
    open,
    receiver,
    clock,
    start,
    http: (more: object) => {
      httpOptions = more
    },
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]()
      await open[Symbol.asyncDispose]()
    },
  }
}

test('a batch is one signed request that the reference implementation verifies, its body the events as they are', async () => {
  await using at = await opened(3)
  const running = at.start()
  await until(() => at.receiver.accepted.length === 1)
  await running.stop()
  const [{ body, headers, id }] = at.receiver.accepted as [(typeof at.receiver.accepted)[0]]
  const feed = JSON.stringify({ events: await at.open.as(null).feed() })
  expect(JSON.parse(body)).toEqual(JSON.parse(feed))
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': id })
})

test('headers of the application travel beside those of the relay', async () => {
  await using at = await opened(1)
  at.http({ headers: { 'User-Agent': 'shop', 'X-Shop': '1' } })
  const running = at.start()
  await until(() => at.receiver.accepted.length === 1)
  await running.stop()
  const [{ headers, id }] = at.receiver.accepted as [(typeof at.receiver.accepted)[0]]
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'user-agent': 'shop', 'x-shop': '1' })
  expect(id).toMatch(/^msg_[0-9a-f]{32}$/)
})

test.each([
  ['a line break', { 'x-shop': 'secret\r\nx: y' }],
  ['a character that no header holds', { 'x-shop': 'secret\u2026' }],
  ['a name with a blank', { 'x shop': 'secret' }],
  ['no text', { 'x-shop': 5 as never }],
  ['a name of the relay', { 'Content-Type': 'secret' }],
  ['a name of the signature', { 'Webhook-Id': 'secret' }],
])('a header with %s is refused at once, and its value is not repeated', (_, headers) => {
  const make = () => httpSink({ url: 'https://sink.example', key, headers })
  expect(make).toThrow(TypeError)
  expect(make).not.toThrow(/secret/)
})

test('a failing sink is tried by the standard schedule, under one id, and later events wait behind', async () => {
  await using at = await opened(2)
  const [first, ...waits] = standardSchedule
  expect([first, ...waits]).toEqual(
    [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map((seconds) => seconds * 1000),
  )
  let failures = 0
  const stamps: number[] = []
  at.receiver.behave(() => {
    stamps.push(at.clock.now())
    return failures++ < 9 ? 503 : 204
  })
  const running = at.start()
  await until(() => at.receiver.all.length > 0)
  await write(at.open, 'later')
  await until(() => at.receiver.accepted.length === 2)
  await running.stop()
  // the tenth attempt, a little over three days later
  expect(at.receiver.all.slice(0, 10).map(({ id }) => id)).toEqual(Array(10).fill(at.receiver.all[0]?.id))
  expect(at.receiver.accepted.map(({ events }) => events.length)).toEqual([2, 1])
  const gaps = stamps.slice(1, 10).map((stamp, n) => stamp - (stamps[n] as number))
  for (const [n, gap] of gaps.entries()) {
    expect(gap).toBeGreaterThanOrEqual(waits[n] as number)
    expect(gap).toBeLessThan((waits[n] as number) + 60_000)
  }
})

test('what has failed is remembered: another process goes on with the schedule, and with the same batch', async () => {
  await using at = await opened(2)
  at.receiver.behave(() => 500)
  const first = startRelay(at.open, { sink: sinkOf(at.receiver) })
  await until(async () => (await first.relay.status())?.attempt === 1)
  await first.stop()
  await write(at.open, 'later')
  expect(await first.relay.status()).toMatchObject({ attempt: 1, lastError: 'The sink answered 500.' })
  const second = startRelay(at.open, { sink: sinkOf(at.receiver) })
  const retrying = async () => (await second.relay.status())?.state === 'retrying'
  await until(retrying)
  // five seconds have not passed
  expect(at.receiver.all).toHaveLength(1)
  at.receiver.behave(() => 204)
  await relaysOf(at.open.source).resume('sink')
  await until(() => at.receiver.accepted.length === 2)
  await second.stop()
  expect(at.receiver.accepted.map(({ events }) => events.length)).toEqual([2, 1])
  expect(at.receiver.all[0]?.id).toBe(at.receiver.accepted[0]?.id)
})

test.each([
  ['seconds', () => '7200', 7_200_000],
  ['a date', (now: number) => new Date(now + 7_200_000).toUTCString(), 7_199_000],
])('Retry-After in %s is waited for', async (_, value, least) => {
  await using at = await opened(1)
  let refused = false
  at.receiver.behave((_received, response) => {
    if (refused) return 204
    refused = true
    response.setHeader('retry-after', value(Date.now()))
    return 429
  })
  const began = at.clock.now()
  const running = at.start()
  await until(() => at.receiver.accepted.length === 1)
  await running.stop()
  expect(at.clock.now() - began).toBeGreaterThanOrEqual(least)
})

test('410 Gone disables the relay for every process, until somebody resumes it', async () => {
  await using at = await opened(1)
  at.receiver.behave(() => 410)
  const first = at.start()
  expect(await first.ended).toMatchObject({ name: 'RelayHalted', message: 'The sink answered 410 Gone.' })
  const second = at.start()
  expect(await second.ended).toMatchObject({ name: 'RelayHalted' })
  expect(at.receiver.all).toHaveLength(1)
  expect(await second.relay.status()).toMatchObject({ state: 'disabled', behind: 1, deadLetters: 0 })
  at.receiver.behave(() => 204)
  await relaysOf(at.open.source).resume('sink')
  const third = at.start()
  await until(() => at.receiver.accepted.length === 1)
  await third.stop()
})

test('a redirect is not followed, wherever it leads', async () => {
  await using elsewhere = await startReceiver()
  await using at = await opened(1)
  at.receiver.behave((_, response) => {
    response.setHeader('location', elsewhere.url)
    return 307
  })
  const running = at.start()
  await until(() => at.receiver.all.length >= 2)
  await running.stop()
  expect(elsewhere.all).toEqual([])
  expect((await running.relay.status())?.lastError).toContain('307, a redirect, which is not followed')
})

describe('an answer that does not end in time', () => {
  test('that never comes is a failure, and is tried again', async () => {
    await using at = await opened(1)
    at.http({ timeoutMs: 100 })
    at.receiver.behave(({ id }) =>
      at.receiver.all[0]?.id === id && at.receiver.all.length === 1 ? undefined : 204,
    )
    const running = at.start()
    await until(() => at.receiver.accepted.length === 1)
    await running.stop()
    expect((await running.relay.status())?.lastError).toBe('No answer within 100 ms.')
  })

  test('that has said 200 and then drips without end has arrived', async () => {
    await using at = await opened(1)
    at.http({ timeoutMs: 200 })
    at.receiver.behave((_, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('.'), 20)
      response.once('close', () => clearInterval(drip))
      return undefined
    })
    const running = at.start()
    await until(async () => (await running.relay.status())?.delivered === 1)
    await running.stop()
    expect(at.receiver.all).toHaveLength(1)
  })
})

test('a sink that is not there is named without its address', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  await using at = await opened(1)
  const sink = httpSink({ url: `http://127.0.0.1:${port}/secret-path`, key })
  const running = startRelay(at.open, { sink, clock: at.clock, name: 'away' })
  await until(async () => ((await running.relay.status())?.attempt ?? 0) > 0)
  await running.stop()
  expect((await running.relay.status())?.lastError).toBe('The sink could not be reached: ECONNREFUSED.')
})

test('an event that the sink refuses is found by halving, and is tried three times alone; the rest arrives', async () => {
  await using at = await opened(40)
  at.receiver.behave(({ events }) => (events.some(({ entityId }) => entityId === 'n27') ? 422 : 204))
  const running = at.start()
  await until(async () => (await running.relay.status())?.behind === 0)
  await running.stop()
  const letters = await relaysOf(at.open.source).deadLetters('sink')
  expect(letters).toMatchObject([{ entityId: 'n27', attempts: 3, error: 'The sink answered 422.' }])
  const arrived = idsOf(at.receiver.accepted.flatMap(({ events }) => [...events]))
  const feed = await at.open.as(null).feed()
  expect(arrived).toEqual(idsOf(feed.filter(({ entityId }) => entityId !== 'n27')))
  // minutes and not the whole schedule were waited for, and only once
  expect(at.clock.leaps.reduce((sum, ms) => sum + ms)).toBeLessThan(2 * 305_000)
})

test('an address or a key that cannot be right is refused at once, and neither is repeated', () => {
  for (const url of ['nonsense', 'ftp://a.example', 'http://a.example/', 'https://user:secret@a.example/']) {
    expect(() => httpSink({ url, key })).toThrow(TypeError)
    expect(() => httpSink({ url, key })).not.toThrow(/secret|a\.example/)
  }
  expect(() => httpSink({ url: 'https://a.example', key: '' })).toThrow(TypeError)
  httpSink({ url: 'http://a.example/', key, allowHttp: true })
  httpSink({ url: 'http://localhost:3000/', key })
})
