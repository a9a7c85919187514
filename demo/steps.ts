import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { StaleReport } from 'postern'
import { type Client, ClientError, createClient, type EventOf } from 'postern/client'
import type { DemoDatabase } from './database.ts'
import type { schema } from './schema.ts'
import { check, say, show } from './terminal.ts'

type TasksClient = Client<typeof schema>
type TasksEvent = EventOf<typeof schema>

export interface Demo {
  readonly database: DemoDatabase
  readonly url: string
  readonly signingKey: string
}

export interface Step {
  readonly name: string
  /** Throws when something is not as the text on the terminal says. */
  run(demo: Demo): Promise<void>
}

const org = { organizationId: 'org_1' }
const applicationTables = `select table_name, column_name, data_type, column_default, is_nullable
  from information_schema.columns where table_schema = 'public' order by 1, 2`

/** The calling side: it knows the address and the key, and nothing of the database. */
const clientOf = ({ url, signingKey }: Demo, scope = {}): TasksClient =>
  createClient<typeof schema>({ url, signingKey, scope: { ...org, ...scope } })

export const steps: readonly Step[] = [
  {
    name: 'Migrate',
    async run({ database }) {
      const before = await database.sql(applicationTables)
      const first = await database.adapter.migrate()
      const second = await database.adapter.migrate()
      assert.deepEqual([first.applied.length > 0, second.applied], [true, []])
      assert.deepEqual(await database.sql(applicationTables), before)
      const [installed] = await database.sql(`select
        (select count(*)::int from pg_tables where schemaname = 'postern') as tables,
        (select count(*)::int from pg_proc where pronamespace = 'postern'::regnamespace) as functions`)
      say('The ledger, the log and the commit functions go into a schema of their own, `postern`.')
      check(
        `${installed?.tables} tables and ${installed?.functions} functions installed; a second run found nothing new`,
      )
      check("the application's own tables are as they were")
    },
  },
  {
    name: 'Create rows',
    async run(demo) {
      const client = clientOf(demo)
      say('One signed commit of four operations. All of them are applied, or none.')
      const { rows, stamps } = await client.commit({
        idempotencyKey: 'demo:create',
        operations: [
          { type: 'CREATE', model: 'projects', id: 'p1', input: { name: 'House' } },
          { type: 'CREATE', model: 'tasks', id: 't1', input: { title: 'Paint the door', projectId: 'p1' } },
          { type: 'CREATE', model: 'tasks', id: 't2', input: { title: 'Oil the hinges', projectId: 'p1' } },
          { type: 'CREATE', model: 'tasks', id: 't3', input: { title: 'Cut a key', status: 'doing' } },
        ],
      })
      for (const [index, row] of rows.entries()) show(`${JSON.stringify(row)}  stamp ${stamps[index]}`)
      const written = await demo.database.sql('select id, organization_id, status from tasks order by id')
      assert.deepEqual(
        written.map(({ id, organization_id, status }) => [id, organization_id, status]),
        [
          ['t1', 'org_1', 'todo'],
          ['t2', 'org_1', 'todo'],
          ['t3', 'org_1', 'doing'],
        ],
      )
      check('the rows are in the database, of the tenant that the request was signed for')

      const refused = await refusal(
        client.commit({
          idempotencyKey: 'demo:half',
          operations: [
            { type: 'CREATE', model: 'tasks', id: 't4', input: { title: 'Knock' } },
            { type: 'CREATE', model: 'tasks', id: 't5', input: { title: 'Enter', projectId: 'nowhere' } },
          ],
        }),
      )
      assert.equal(refused.code, 'entity_not_found')
      assert.equal((await demo.database.sql("select from tasks where id in ('t4', 't5')")).length, 0)
      check(`a commit with one impossible operation: ${answer(refused)}, and neither row is there`)
    },
  },
  {
    name: 'List with a filter',
    async run(demo) {
      const client = clientOf(demo)
      say("where status = 'todo', by title, two to a page, the project embedded")
      const { rows, stamps, nextCursor } = await client.list('tasks', {
        where: [['status', 'todo']],
        orderBy: 'title',
        limit: 2,
        related: ['project'],
      })
      for (const [index, row] of rows.entries()) show(`${JSON.stringify(row)}  stamp ${stamps[index]}`)
      assert.deepEqual(
        rows.map(({ id }) => id),
        ['t2', 't1'],
      )
      assert.equal(nextCursor, undefined)
      check('the two that match, in order, and no further page')
      const foreign = await client.list('tasks', {}, { scope: { organizationId: 'org_2' } })
      assert.deepEqual(foreign.rows, [])
      check('another tenant, same key, same question: no rows')
    },
  },
  {
    name: 'Two agents, one row, one state',
    async run(demo) {
      const planner = clientOf(demo, { participantId: 'planner', participantKind: 'agent' })
      const worker = clientOf(demo, { participantId: 'worker', participantKind: 'agent' })
      const { row, stamp } = await planner.load('tasks', 't1')
      assert.deepEqual([row?.status, (await worker.load('tasks', 't1')).stamp], ['todo', stamp])
      say(`Both have read t1 at stamp ${stamp}. Both write at once, each with readAt ${stamp}.`)
      const write = (client: TasksClient, name: string, status: 'doing' | 'done') =>
        client.commit({
          idempotencyKey: `demo:${name}`,
          operations: [{ type: 'UPDATE', model: 'tasks', id: 't1', input: { status }, readAt: stamp }],
        })
      const outcomes = await Promise.allSettled([
        write(planner, 'planner', 'doing'),
        write(worker, 'worker', 'done'),
      ])
      const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
      const [lost] = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      assert.ok(lost instanceof ClientError, 'one of the two must be refused')
      const names = ['planner', 'worker']
      const values = ['doing', 'done']
      assert.notEqual(winner, -1, 'one of the two must be accepted')
      check(`${names[winner]}: accepted, status is now '${values[winner]}'`)
      const { operations } = lost.details as { operations: [StaleReport] }
      const [report] = operations
      assert.deepEqual(
        [lost.status, lost.code, report.reason, report.changed, report.current?.status],
        [409, 'stale_context', 'changed', ['status'], values[winner]],
      )
      check(`${names[1 - winner]}: ${answer(lost)}, with what it needs to decide again:`)
      const { readAt, stamp: now, changed, current, participantId } = report
      show(JSON.stringify({ readAt, stamp: now, changed, current, participantId }))
      const [stored] = await demo.database.sql("select status from tasks where id = 't1'")
      assert.equal(stored?.status, values[winner])
    },
  },
  {
    name: 'A retry replays',
    async run(demo) {
      const answers: string[] = []
      const client = createClient<typeof schema>({
        url: demo.url,
        signingKey: demo.signingKey,
        scope: org,
        fetch: async (url, init) => {
          const response = await fetch(url, init)
          answers.push(await response.clone().text())
          return response
        },
      })
      const commit = {
        idempotencyKey: 'demo:t3:done',
        operations: [{ type: 'UPDATE', model: 'tasks', id: 't3', input: { status: 'done' } }],
      } as const
      say("The caller loses the answer and sends the commit again: same key 'demo:t3:done'.")
      const first = await client.commit(commit)
      const again = await client.commit(commit)
      assert.deepEqual([first.replayed, again.replayed, answers[1]], [false, true, answers[0]])
      for (const [index, text] of answers.entries()) {
        show(`${index === 0 ? 'first ' : 'replay'}  ${text}  sha256 ${sha256(text)}`)
      }
      const [written] = await demo.database.sql(`select
        (select count(*)::int from postern.ledger where key = 'demo:t3:done') as ledger,
        (select count(*)::int from postern.changes where key = 'demo:t3:done') as outbox`)
      assert.deepEqual(written, { ledger: 1, outbox: 1 })
      check('the same bytes; one entry in the ledger, one event, one change')
      const conflict = await refusal(
        client.commit({ ...commit, operations: [{ type: 'DELETE', model: 'tasks', id: 't3' }] }),
      )
      assert.equal(conflict.code, 'idempotency_conflict')
      check(`the same key for something else: ${answer(conflict)}`)
    },
  },
  {
    name: 'A tampered request is refused',
    async run(demo) {
      say('Signed by the caller; on the way an attacker turns "Varnish" into "Vanish".')
      const tampered = createClient<typeof schema>({
        url: demo.url,
        signingKey: demo.signingKey,
        scope: org,
        fetch: (url, init) => fetch(url, { ...init, body: String(init.body).replace('Varnish', 'Vanish') }),
      })
      const commit = {
        idempotencyKey: 'demo:tampered',
        operations: [{ type: 'UPDATE', model: 'tasks', id: 't2', input: { title: 'Varnish it' } }],
      } as const
      const refused = await refusal(tampered.commit(commit))
      assert.deepEqual([refused.status, refused.code], [401, 'source_signature_invalid'])
      check(answer(refused))
      const [stored] = await demo.database.sql("select title from tasks where id = 't2'")
      assert.equal(stored?.title, 'Oil the hinges')
      check('the row is as it was, and the key is not used up:')
      const untouched = await clientOf(demo).commit(commit)
      assert.deepEqual([untouched.replayed, untouched.rows.length], [false, 1])
      show(JSON.stringify(untouched.rows[0]))
    },
  },
  {
    name: 'Follow the feed',
    async run(demo) {
      const client = clientOf(demo)
      const events: TasksEvent[] = []
      const feed = client.events({ limit: 3 })
      say('From the beginning, three events to a page:')
      for await (const event of feed) events.push(event)
      for (const event of events) show(eventLine(event))
      const applied = 4 + 1 + 1 + 1 // created, the winner of the two agents, the one that was retried, the untampered
      assert.deepEqual(
        events.map(({ stamp }) => stamp),
        (await demo.database.sql('select position from postern.changes order by position')).map(
          ({ position }) => Number(position),
        ),
      )
      assert.equal(events.length, applied)
      check(`${applied} operations were applied, ${events.length} events, in order; none of a refused commit`)

      say('A follower waits at the end; then t2 is deleted:')
      const stop = new AbortController()
      const query = { cursor: feed.cursor, follow: true, pollMs: 50 }
      const follower = client.events(query, { signal: stop.signal })[Symbol.asyncIterator]()
      const next = follower.next()
      await client.commit({
        idempotencyKey: 'demo:t2:delete',
        operations: [{ type: 'DELETE', model: 'tasks', id: 't2' }],
      })
      const { value: event } = (await next) as { value: TasksEvent }
      stop.abort()
      assert.deepEqual([event.type, event.entityId], ['DELETE', 't2'])
      show(eventLine(event))
      check('one event, the one that is new')
    },
  },
]

async function refusal(work: Promise<unknown>): Promise<ClientError> {
  try {
    await work
  } catch (error) {
    if (error instanceof ClientError) return error
    throw error
  }
  throw new Error('the endpoint accepted what it should have refused')
}

const answer = ({ status, code }: ClientError): string => `${status} ${code}`

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

const eventLine = ({ stamp, type, model, entityId, changed, id }: TasksEvent): string => {
  const what = changed ? `changed ${changed.join(', ')}` : ''
  return `${String(stamp).padStart(2)}  ${type.padEnd(6)}  ${`${model}/${entityId}`.padEnd(11)}  ${what.padEnd(15)}  id ${id}`
}
