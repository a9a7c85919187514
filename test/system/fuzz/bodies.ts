import fc from 'fast-check'
import pg from 'pg'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { errors } from '../../../src/core/errors.ts'
import type { Adapter, Endpoint, EndpointOptions } from '../../../src/index.ts'
import { createEndpoint } from '../../../src/index.ts'
import { signed } from '../../support/source.ts'
import { tracker, trackerTables } from '../../support/tracker.ts'
import { body, bytesOf, FOREIGN_IDS, type Seen } from './requests.ts'

const OTHER = '44444444-4444-4444-8444-444444444444'
const CANARY = 'CANARY-5e1f'
const KEY = `sk_live_${CANARY}`

/** Neither of these may ever leave: planted values, the key, the password, SQL, stacks. */
const LEAK = new RegExp(
  `${CANARY}|313373133731337|31337\\.42|${OTHER}|postgres(ql)?://|\\bselect (t\\.|r\\.|f\\.|exists|coalesce)|insert into|for no key update|PL/pgSQL|node_modules|\\bat .+\\.ts:\\d|ECONN`,
)

const theirRows = `
insert into tasks (id, organization_id, title, slug, estimate, views, meta, tags) values
  ('x1', '${OTHER}', '${CANARY}', '${CANARY}', 31337.42, 313373133731337, '{"a":"${CANARY}"}', '{${CANARY}}'),
  ('x2', '${OTHER}', '${CANARY}', null, 31337.42, null, null, null);
insert into comments values ('x1', 'x1', '${CANARY}'), ('x2', 'x2', '${CANARY}');
insert into reactions values ('x1', 'x1', 'CANARY-5');
insert into counters (id, organization_id, value) values (900001, '${OTHER}', 31337);
insert into documents (id, workspace_id, title) values ('${FOREIGN_IDS[3]}', '${OTHER}', '${CANARY}');`

const theirRowsNow = `select (select json_agg(t order by id) from tasks t where organization_id = '${OTHER}') as tasks,
  (select json_agg(c order by id) from comments c where task_id in ('x1', 'x2') or id in ('x1', 'x2')) as comments,
  (select json_agg(r order by id) from reactions r where id = 'x1') as reactions,
  (select json_agg(c) from counters c where organization_id = '${OTHER}') as counters,
  (select json_agg(d) from documents d where workspace_id = '${OTHER}') as documents`

/** An endpoint under attack, and a look at the other tenant's rows past it. */
interface Victim {
  readonly name: string
  readonly endpoint: Pick<Endpoint, 'fetch'>
  readonly logged: string[]
  theirs(): Promise<unknown>
}

function victim(name: string, adapter: Adapter, theirs: Victim['theirs']): Victim {
  const logged: string[] = []
  const line = (fields: object, message: string): void =>
    void logged.push(`${JSON.stringify(fields)} ${message}`)
  const options: EndpointOptions = {
    signingKey: KEY,
    adapter,
    logger: { info: line, warn: line, error: line },
    onError: (error) => failuresOf(name).push(String((error as { cause?: unknown }).cause ?? error)),
  }
  return { name, endpoint: createEndpoint(options), logged, theirs }
}

/** What `onError` was told, for whoever reads a failure; it may leak. */
const told = new Map<string, string[]>()
const failuresOf = (name: string): string[] => {
  const list = told.get(name) ?? []
  told.set(name, list)
  return list
}

export interface BodiesReport {
  /** Signed bodies, each sent to every endpoint. */
  readonly bodies: number
  /** Answers by status, over all endpoints. */
  readonly statuses: Readonly<Record<string, number>>
  /** Requests with a broken signature that were not answered 401. */
  readonly accepted: number
  /** Answers of 500 and above. */
  readonly serverErrors: number
  readonly failures: readonly string[]
}

const BATCH = 200

/** Sends bodies to an endpoint on Postgres and to one on memory, until `until` says so. */
export async function fuzzBodies(
  databaseUrl: string,
  seed: number,
  until: (bodies: number) => boolean,
  progress: (bodies: number) => void = () => {},
): Promise<BodiesReport> {
  const { victims, close } = await open(databaseUrl)
  const before = await Promise.all(victims.map(({ theirs }) => theirs()))
  const statuses: Record<string, number> = {}
  const failures: string[] = []
  const seen = new Map<string, Seen>()
  let [bodies, accepted, serverErrors] = [0, 0, 0]
  for (let batch = 0; !until(bodies) && failures.length < 10; batch++) {
    progress(bodies)
    for (const made of fc.sample(body, { seed: seed + batch, numRuns: BATCH })) {
      const number = bodies++
      for (const { name, endpoint, logged } of victims) {
        const { request, bytes } = bytesOf(made, seen.get(name))
        const forged = number % 50 === 0
        const { headers } = await signed(forged ? { other: bytes.length } : bytes, { key: KEY })
        const answer = await endpoint.fetch(
          new Request('https://example.com/source', { method: 'POST', headers, body: bytes }),
        )
        const text = await answer.text()
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1
        if (forged && answer.status !== 401) accepted++
        if (answer.status >= 500) serverErrors++
        const fault =
          forged && answer.status !== 401 ? 'accepted without a signature' : faultOf(answer, text, logged)
        if (fault !== undefined) {
          failures.push(
            `${name}, body ${number}: ${fault}\n  sent ${JSON.stringify(Buffer.from(bytes).toString())}\n  got ${answer.status} ${text.slice(0, 500)}\n  ${failuresOf(name).at(-1) ?? ''}`,
          )
        }
        logged.length = 0
        const cursor = answer.status === 200 ? cursorOf(text) : undefined
        if (cursor !== undefined) seen.set(name, { request: request as object, cursor })
      }
    }
  }
  const after = await Promise.all(victims.map(({ theirs }) => theirs()))
  for (const [index, { name }] of victims.entries()) {
    if (JSON.stringify(after[index]) !== JSON.stringify(before[index]))
      failures.push(`${name}: rows of the other tenant have changed`)
  }
  await close()
  return { bodies, statuses, accepted, serverErrors, failures }
}

/** What is wrong with an answer, or undefined. */
export function faultOf(answer: Response, text: string, logged: readonly string[]): string | undefined {
  if (answer.status >= 500) return 'a server error from input alone'
  const leak = LEAK.exec(`${text} ${JSON.stringify([...answer.headers])} ${logged.join('\n')}`)
  if (leak !== null) return `said ${leak[0]}`
  const { error, requestId } = JSON.parse(text)
  if (answer.status === 200) return error === undefined ? undefined : 'an error with status 200'
  if (!Object.hasOwn(errors, error) || typeof requestId !== 'string') return 'no error of the registry'
  return errors[error as keyof typeof errors].status === answer.status
    ? undefined
    : 'another status than the registry has'
}

const cursorOf = (text: string): string | undefined => /"nextCursor":"([^"]+)"\}$/.exec(text)?.[1]

async function open(databaseUrl: string) {
  const url = new URL(databaseUrl)
  // nobody asks for it, and nobody may hear of it
  url.password = CANARY
  const pool = new pg.Pool({ connectionString: url.href, max: 2 })
  pool.on('error', () => {}).on('connect', (client) => client.on('error', () => {}))
  await pool.query(trackerTables)
  const source = pgAdapter(pool, tracker)
  await source.migrate()
  await pool.query(theirRows)
  const memory = memoryAdapter(tracker)
  for (const model of ['tasks', 'comments', 'reactions', 'counters', 'documents']) {
    const { rows } = await pool.query(`select * from ${model}`)
    for (const row of rows) await memory.write(model, wireRow(model, row))
  }
  const inspect = memory.inspect()
  const theirsInMemory = async () => {
    const all = await Promise.all(
      ['tasks', 'comments', 'reactions', 'counters', 'documents'].map((model) => inspect.rows(model)),
    )
    return all.flat().filter((row) => FOREIGN_IDS.includes(String(row.id)))
  }
  return {
    victims: [
      victim('Postgres', source, async () => (await pool.query(theirRowsNow)).rows),
      victim('memory', memory, theirsInMemory),
    ],
    close: () => pool.end(),
  }
}

/** A row of the database under the names of the schema, as memory takes it. */
function wireRow(model: string, row: Record<string, unknown>): Record<string, unknown> {
  const fields = [...(tracker.models.get(model)?.fields.values() ?? [])]
  const wire = Object.fromEntries(fields.map(({ name, column }) => [name, row[column] ?? null]))
  for (const column of ['organization_id', 'workspace_id'])
    if (row[column] !== undefined) wire[column] = row[column]
  return wire
}
