import { generateKeyPairSync, sign } from 'node:crypto'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { Adapter } from '../../../src/index.ts'
import { createEndpoint, createKeyRing, defaultLimits, verifyRequest } from '../../../src/index.ts'
import { type AnyAnswer, org, schema, signed, signedRequest, signingKey } from '../../support/source.ts'

/** A bound, and what was measured when requests tried to exceed it. */
export interface Bound {
  readonly name: string
  readonly limit: number
  readonly unit: string
  /** The largest that got through, or was seen. */
  readonly measured: number
  /** What the requests cost that tried to exceed it. */
  readonly cost?: Cost
}

/** What requests cost: told, and not judged, since machines differ. */
export interface Cost {
  /** Bytes of the largest answer. */
  readonly answered: number
  /** Bytes that the process had at most, above what it had before. */
  readonly memory: number
  /** Nanoseconds for each byte that was sent, of the dearest request. */
  readonly nsPerByte: number
}

/** What the requests since the last look cost. */
let meter = { answered: 0, memory: 0, nsPerByte: 0 }
let before = process.memoryUsage.rss()
function read(): Cost {
  const cost = meter
  meter = { answered: 0, memory: 0, nsPerByte: 0 }
  before = process.memoryUsage.rss()
  return cost
}

/** Sends a signed request, and notes what it costs. */
async function ask(
  to: { fetch(request: Request): Promise<Response> },
  request: unknown,
  options?: Parameters<typeof signed>[1],
): Promise<AnyAnswer> {
  const sent = await signedRequest(request, options)
  const bytes = (await sent.clone().arrayBuffer()).byteLength
  const start = process.hrtime.bigint()
  const response = await to.fetch(sent)
  const text = await response.text()
  const took = Number(process.hrtime.bigint() - start)
  meter = {
    answered: Math.max(meter.answered, Buffer.byteLength(text)),
    memory: Math.max(meter.memory, process.memoryUsage.rss() - before),
    nsPerByte: Math.max(meter.nsPerByte, took / bytes),
  }
  return { status: response.status, headers: response.headers, body: JSON.parse(text) }
}

const adapter = memoryAdapter(schema)
const endpoint = createEndpoint({ signingKey, adapter })
const many = <T>(count: number, one: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => one(i))

/** The largest size of those around a limit whose request is answered 200, and what trying them cost. */
async function largest(
  sizes: readonly number[],
  request: (size: number) => object,
): Promise<Pick<Bound, 'measured' | 'cost'>> {
  let measured = 0
  for (const size of sizes) if ((await ask(endpoint, request(size))).status === 200) measured = size
  return { measured, cost: read() }
}
const around = (limit: number): number[] => [limit - 1, limit, limit + 1, limit * 2, limit * 10]

const list = (query: object): object => ({ type: 'list', model: 'tasks', query, scope: org })
let keys = 0
const commit = (operations: readonly object[]): object => ({
  type: 'commit',
  correlationId: `limits-${keys++}`,
  operations,
  scope: org,
})
const create = (index: number): object => ({
  type: 'CREATE',
  model: 'tasks',
  id: `t${keys}-${index}`,
  input: { title: 'x' },
})

async function requestSizes(): Promise<Bound[]> {
  const { bodyBytes, operations, listMax, inMembers, conditions, patternLength, eventsMax } = defaultLimits
  const where = (size: number) => many(size, () => ['title', '!=', 'y'])
  const titled = (size: number) => {
    const bare = JSON.stringify(commit([{ ...create(0), input: { title: '' } }])).length
    return commit([{ ...create(0), input: { title: 'x'.repeat(Math.max(1, size - bare)) } }])
  }
  return [
    {
      name: 'body',
      unit: 'bytes',
      limit: bodyBytes,
      ...(await largest([1_000_000, bodyBytes + 10, bodyBytes * 3], titled)),
    },
    {
      name: 'operations of a commit',
      unit: '',
      limit: operations,
      ...(await largest(around(operations), (size) => commit(many(size, create)))),
    },
    {
      name: 'rows of a page',
      unit: '',
      limit: listMax,
      ...(await largest(around(listMax), (limit) => list({ limit }))),
    },
    {
      name: 'members of IN',
      unit: '',
      limit: inMembers,
      ...(await largest(around(inMembers), (size) => list({ where: [['title', 'IN', many(size, String)]] }))),
    },
    {
      name: 'conditions',
      unit: '',
      limit: conditions,
      ...(await largest(around(conditions), (size) => list({ where: where(size) }))),
    },
    {
      name: 'characters of a pattern',
      unit: '',
      limit: patternLength,
      ...(await largest(around(patternLength), (size) =>
        list({ where: [['title', 'LIKE', 'a'.repeat(size)]] }),
      )),
    },
    {
      name: 'events of a page',
      unit: '',
      limit: eventsMax,
      ...(await largest(around(eventsMax), (limit) => ({ type: 'events', limit, scope: org }))),
    },
  ]
}

/** Refusals of the largest bodies there can be. */
async function answerSizes(): Promise<Bound[]> {
  const faults = many(6_000, (index) => ({ [`unknown${index}`]: 1 }))
  const requests = [
    commit(
      many(1_000, (index) => ({
        type: 'CREATE',
        model: 'tasks',
        id: `x${index}`,
        input: Object.assign({}, ...faults.slice(0, 40)),
      })),
    ),
    commit(many(1_000, () => ({ nothing: 1, at: 2, all: 3 }))),
    list(Object.assign({}, ...faults)),
    list({ where: many(50, () => ['x'.repeat(10_000), 1]) }),
    { type: 'x'.repeat(900_000) },
    { ...commit([]), ...Object.assign({}, ...faults) },
  ]
  let measured = 0
  for (const request of requests) {
    const { status, body } = await ask(endpoint, request)
    if (status !== 400) throw new Error(`expected a refusal, got ${status}`)
    measured = Math.max(measured, JSON.stringify(body).length)
  }
  return [{ name: 'answer to a megabyte of faults', unit: 'bytes', limit: 65_536, measured }]
}

async function cursors(): Promise<Bound[]> {
  const own = memoryAdapter(schema, {
    rows: {
      tasks: many(3, (index) => ({
        id: `c${index}`,
        title: `${index}${'x'.repeat(60_000 * (index + 1))}`,
        organizationId: 'org_1',
      })),
    },
  })
  const paged = createEndpoint({ signingKey, adapter: own })
  let measured = 0
  let cursor: string | undefined
  let rows = 0
  do {
    const { body } = await ask(paged, list({ orderBy: 'title', limit: 1, cursor }))
    rows += body.rows.length
    cursor = body.nextCursor
    measured = Math.max(measured, cursor?.length ?? 0)
  } while (cursor !== undefined)
  if (rows !== 3) throw new Error(`a list by long texts gave ${rows} of 3 rows`)
  return [{ name: 'cursor of a list by texts of 180 KB', unit: 'characters', limit: 4_096, measured }]
}

/** Floods an endpoint whose adapter counts what runs at once. */
async function places(): Promise<Bound[]> {
  const running = new Map<string, number>()
  const peak = new Map<string, number>()
  const counted = async (names: readonly string[]): Promise<string> => {
    for (const name of names) {
      running.set(name, (running.get(name) ?? 0) + 1)
      peak.set(name, Math.max(peak.get(name) ?? 0, running.get(name) ?? 0))
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
    for (const name of names) running.set(name, (running.get(name) ?? 0) - 1)
    return '{"row":null,"stamp":0}'
  }
  const flooded = createEndpoint({
    keys: [
      { id: 'k1', secret: 'sk_one' },
      { id: 'k2', secret: 'sk_two' },
    ],
    adapter: {
      ...adapter,
      load: ({ tenant, keyId }) => counted(['all', `tenant ${tenant}`, `key ${keyId}`]),
      list: ({ tenant, keyId }) => counted(['all', `tenant ${tenant}`, `key ${keyId}`, `lists ${tenant}`]),
    },
    limits: { inFlight: 20, inFlightPerTenant: 8, inFlightPerKey: 15, listsPerTenant: 3, queued: 1_000 },
  })
  const requests = many(400, (index) => {
    const scope = { organizationId: `org_${Math.floor(index / 2) % 2}` }
    const key = index % 3 === 0 ? 'sk_two' : 'sk_one'
    const request =
      index % 2 === 0
        ? { type: 'load', model: 'tasks', id: 't', scope }
        : { type: 'list', model: 'tasks', scope }
    return ask(flooded, request, { key })
  })
  const statuses = (await Promise.all(requests)).map(({ status }) => status)
  if (statuses.some((status) => status !== 200 && status !== 503)) throw new Error(`unexpected ${statuses}`)
  const highest = (prefix: string): number =>
    Math.max(0, ...[...peak].filter(([name]) => name.startsWith(prefix)).map(([, count]) => count))
  return [
    { name: 'requests at work', unit: '', limit: 20, measured: highest('all') },
    { name: 'requests of a tenant at work', unit: '', limit: 8, measured: highest('tenant') },
    { name: 'requests of a key at work', unit: '', limit: 15, measured: highest('key') },
    { name: 'lists of a tenant at work', unit: '', limit: 3, measured: highest('lists') },
  ]
}

/** What a forger gets checked, by counting the checks that a ring is asked for. */
async function verification(publicKeys: number): Promise<Bound[]> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const ring = createKeyRing(
    many(publicKeys, () => {
      const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
      return `whpk_${Buffer.from(x as string, 'base64url').toString('base64')}`
    }),
  )
  let checks = 0
  const counting = {
    keys: ring.keys.map((key) => ({
      ...key,
      matches: (...given: Parameters<typeof key.matches>) => {
        checks += 1
        return key.matches(...given)
      },
    })),
  }
  const body = new Uint8Array(defaultLimits.bodyBytes)
  const { headers } = await signed(body)
  headers['webhook-signature'] = many(
    16,
    (index) => `v1a,${sign(null, Buffer.from(`${index}`), privateKey).toString('base64')}`,
  ).join(' ')
  const outcome = await verifyRequest(counting, new Headers(headers), body).catch(
    (error: { code?: string }) => error.code,
  )
  if (outcome !== 'request_too_large' && outcome !== 'source_signature_invalid')
    throw new Error(`accepted: ${outcome}`)
  const hashed = (checks * defaultLimits.bodyBytes) / 1_048_576
  return [
    {
      name: `hashed for a forgery against ${publicKeys} public keys`,
      unit: 'MiB',
      limit: 512,
      measured: hashed,
    },
  ]
}

const MIB = 1_048_576

/** Twenty rows of 900 KB, and small requests that want all of them answered, told or kept. */
export async function rowBytes(name: string, adapter: Adapter): Promise<Bound[]> {
  const large = createEndpoint({ signingKey, adapter })
  const scoped = (request: object) => ask(large, { ...request, scope: org })
  const ids = many(20, (index) => `large${index}`)
  for (const id of ids) {
    const { status, body } = await scoped(
      commit([{ type: 'CREATE', model: 'tasks', id, input: { title: 'x'.repeat(900_000) } }]),
    )
    if (status !== 200) throw new Error(`a row of 900 KB was refused: ${JSON.stringify(body)}`)
  }
  read()
  const bounds: Bound[] = []
  const tried = async (what: string, limit: number, request: object, expected: number): Promise<void> => {
    const { status } = await scoped(request)
    if (status !== expected) throw new Error(`${name}: ${what}: expected ${expected}, got ${status}`)
    const cost = read()
    bounds.push({ name: `${name}: ${what}`, unit: 'bytes', limit, measured: cost.answered, cost })
  }
  const touch = (id: string, more: object = {}) => ({
    type: 'UPDATE',
    model: 'tasks',
    id,
    input: {},
    ...more,
  })
  const again = many(1_000, (index) => touch(ids[index % 20] as string))
  const stale = { readAt: 4_000_000 }
  const held = { ...stale, onStale: 'notify' }
  await tried('1,000 updates of them', 65_536, commit(again), 413)
  await tried('answer to as many as fit', 16 * MIB, commit(again.slice(0, 18)), 200)
  await tried('1,000 stale updates', 1.1 * MIB, commit(again.map((one) => ({ ...one, ...stale }))), 409)
  await tried('1,000 updates held back', 65_536, commit(again.map((one) => ({ ...one, ...held }))), 413)
  await tried('a page of rows', 17 * MIB, list({ limit: 1_000 }), 200)
  await tried('a page of events', 17 * MIB, { type: 'events', limit: 1_000 }, 200)
  return bounds
}

/**
 * How much dearer an operation is among many than among few, in commits that are refused at their last operation. Both are
 * measured in turns on one machine, so that its load is no part of the ratio. What grows with the square of the operations
 * shows as the factor between the two sizes.
 */
export async function refusals(name: string, adapter: Adapter): Promise<Bound[]> {
  const [few, more] = [500, 8_000]
  const endpoint = createEndpoint({ signingKey, adapter, limits: { operations: more, bodyBytes: 8 * MIB } })
  /** Nanoseconds for each operation of a commit that must be answered so. */
  const cost = async (what: string, operations: readonly object[], expected: number): Promise<number> => {
    const sent = await signedRequest(commit(operations))
    const start = process.hrtime.bigint()
    const { status } = await endpoint.fetch(sent)
    const took = Number(process.hrtime.bigint() - start) / operations.length
    if (status !== expected) throw new Error(`${name}: ${what}: expected ${expected}, got ${status}`)
    return took
  }
  const operation = (type: string, id: string, title: string, readAt?: number): object => ({
    type,
    model: 'tasks',
    id,
    input: { title, status: 'todo' },
    readAt,
  })
  const id = (index: number): string => `refused${index}`
  for (let from = 0; from < more; from += few) {
    const seeds = many(few, (index) => operation('CREATE', id(from + index), 'seed'))
    await cost('seeds', seeds, 200)
  }
  const title = (index: number, last: boolean): string => (last ? 'refused' : `t${index}`)
  const kinds: Readonly<Record<string, readonly [number, (index: number, last: boolean) => object]>> = {
    'creates, the last refused by a constraint': [
      400,
      (index, last) => operation('CREATE', `new${index}`, title(index, last)),
    ],
    'updates, the last refused by a constraint': [
      400,
      (index, last) => operation('UPDATE', id(index), title(index, last)),
    ],
    'updates of rows that are not there': [404, (index) => operation('UPDATE', `none${index}`, 'x')],
    'stale updates': [409, (index) => operation('UPDATE', id(index), 'x', 1)],
  }
  const bounds: Bound[] = []
  for (const [what, [status, one]] of Object.entries(kinds)) {
    const operations = (count: number) => many(count, (index) => one(index, index === count - 1))
    const [small, large]: [number[], number[]] = [[], []]
    for (let round = 0; round < 3; round++) {
      small.push(await cost(what, operations(few), status))
      large.push(await cost(what, operations(more), status))
    }
    const measured = Math.min(...large) / Math.min(...small)
    bounds.push({
      name: `${name}: ${what}: an operation among ${more}, to one among ${few}`,
      unit: 'times',
      limit: 2,
      measured,
    })
  }
  return bounds
}

/** Each bound with what it cost to try it. */
async function costed(bounds: Promise<Bound[]>): Promise<Bound[]> {
  const found = await bounds
  const cost = read()
  return found.map((bound) => ({ cost, ...bound }))
}

/** Tries to exceed each bound. */
export async function measureBounds(publicKeys: number): Promise<Bound[]> {
  read()
  return [
    ...(await requestSizes()),
    ...(await costed(answerSizes())),
    ...(await costed(cursors())),
    ...(await costed(places())),
    ...(await verification(publicKeys)),
    ...(await rowBytes('memory', memoryAdapter(schema))),
  ]
}
