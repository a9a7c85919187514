import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import type { PostgresAdapter } from '../../../src/postgres/index.ts'
import { type Caller, caller, type WireOperation } from '../../support/caller.ts'
import { ROWS, shop } from './shop.ts'

/** What the writers did, by kind; failures by their code. Only for people to see that nothing was left out. */
export type Tally = Map<string, number>

export interface Workload {
  readonly tally: Tally
  /** Resolves when every writer has ended its last transaction. */
  stop(): Promise<void>
}

const random = (below: number): number => Math.floor(Math.random() * below)
const chance = (share: number): boolean => Math.random() < share
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const pause = (client: pg.Client, most: number) =>
  client.query('select pg_sleep($1)', [(Math.random() * most) / 1000])

/** Different rows in key order, as a careful application locks them: deadlocks are for other tests. */
const ids = (table: 'parts' | 'notes', count: number): string[] =>
  [...new Set(Array.from({ length: count }, () => `${table[0]}${1 + random(ROWS)}`))].sort()

const updates = (count: number): WireOperation[] =>
  ids('parts', count).map((id) => ({
    type: 'UPDATE',
    model: 'parts',
    id,
    input: { name: `n${random(1e6)}` },
  }))

/** One writer's connection with a source on it, so that commits join the transactions that the writer opens. */
interface Writer {
  readonly client: pg.Client
  readonly source: PostgresAdapter
  readonly call: Caller
}

/** Everything that a writer may do between two of its transactions; each leaves its connection outside of one. */
const deeds: Record<string, (writer: Writer) => Promise<unknown>> = {
  /** The endpoint's own commits: mostly small, sometimes large. */
  async commit({ call }) {
    await call.commit(updates(chance(0.5) ? 1 : chance(0.7) ? 1 + random(12) : 1 + random(200)))
  },

  /** Commits of the endpoint inside a transaction that sleeps, undoes parts of itself, and perhaps all of it. */
  async transaction({ client, call }) {
    await client.query('begin')
    if (chance(0.3)) await pause(client, 50)
    await call.commit(updates(1))
    if (chance(0.6)) await pause(client, 120)
    if (chance(0.5)) {
      await client.query('savepoint a')
      await call.commit(updates(2))
      const end = ['rollback to a', 'release a', 'select 1'][random(3)] as string
      await client.query(end)
    } else if (chance(0.4)) {
      await client.query('savepoint b')
      await client.query('select 1 / 0').catch(() => {})
      await client.query('rollback to b')
    }
    if (chance(0.5)) await call.commit(updates(1 + random(5)))
    await client.query(chance(0.75) ? 'commit' : 'rollback')
  },

  /** The first position of the transaction is undone with its savepoint; the second one must register again. */
  async savepointFirst({ client, call }) {
    await client.query('begin; savepoint a')
    await call.commit(updates(1))
    await client.query('rollback to a')
    if (chance(0.5)) await pause(client, 30)
    await call.commit(updates(1))
    await pause(client, 80)
    await client.query('commit')
  },

  /** Plain SQL around the endpoint, under every isolation level. */
  async raw({ client }) {
    const level = ['read committed', 'repeatable read', 'serializable'][random(3)]
    await client.query(`begin isolation level ${level}`)
    await client.query(`update parts set name = 'raw' where id = any($1)`, [ids('parts', 1 + random(4))])
    if (chance(0.5)) await pause(client, 80)
    if (chance(0.3))
      await client.query(`update parts set name = 'raw again' where id = any($1)`, [ids('parts', 1)])
    await client.query(chance(0.8) ? 'commit' : 'rollback')
  },

  /** Blocks with exception handlers are savepoints that nobody named. */
  async exceptions({ client }) {
    const [one, other] = [ids('parts', 1)[0], ids('parts', 1)[0]]
    await client.query(`do $$ begin
      begin
        update parts set name = 'undone' where id = '${one}';
        if random() < 0.5 then perform 1 / 0; end if;
      exception when division_by_zero then null;
      end;
      update parts set name = 'kept' where id = '${other}';
    end $$`)
  },

  /** A write that leaves the table as it was, and its events behind: created, deleted, its id changed. */
  async comeAndGo({ client }) {
    const id = `tmp${process.pid}-${random(1e9)}`
    await client.query('begin')
    await client.query(`insert into parts (id, name) values ($1, 'new')`, [id])
    if (chance(0.3)) await pause(client, 20)
    await client.query('delete from parts where id = $1', [id])
    await client.query('commit')
  },

  /** The application logs its own write. */
  async record({ client, source }) {
    await client.query('begin')
    for (const id of ids('notes', 1 + random(3))) {
      await client.query(`update notes set name = 'said' where id = $1`, [id])
      await source.recordChange(client, { model: 'notes', id, type: 'UPDATE', changed: ['name', 'version'] })
    }
    if (chance(0.3)) await pause(client, 60)
    await client.query(chance(0.85) ? 'commit' : 'rollback')
  },

  /** Prepared, left alone for a while, and ended from wherever. */
  async twoPhase({ client, call }) {
    const name = `feed-${process.pid}-${random(1e9)}`
    await client.query('begin')
    await call.commit(updates(1 + random(3)))
    await client.query(`prepare transaction '${name}'`)
    await sleep(random(100))
    await client.query(`${chance(0.7) ? 'commit' : 'rollback'} prepared '${name}'`)
  },
}

/** How often each deed is chosen; commits are what the product is for. */
const weights: [keyof typeof deeds, number][] = [
  ['commit', 12],
  ['transaction', 3],
  ['savepointFirst', 1],
  ['raw', 3],
  ['exceptions', 1],
  ['comeAndGo', 1],
  ['record', 2],
  ['twoPhase', 1],
]
const bag = weights.flatMap(([name, times]) => Array.from({ length: times }, () => name))

/** Starts the writers, two strangers whose long transactions concern nobody, and one who kills backends. */
export function startWriters(url: string, elsewhere: string, count: number): Workload {
  const tally: Tally = new Map()
  const add = (what: string): void => void tally.set(what, (tally.get(what) ?? 0) + 1)
  let stopped = false

  async function write(): Promise<void> {
    let writer = await connect(url)
    while (!stopped) {
      const name = bag[random(bag.length)] as string
      try {
        await deeds[name]?.(writer)
        add(name)
      } catch (error) {
        const code = (error as { code?: string }).code ?? 'connection lost'
        add(`failed: ${code}`)
        await writer.client.query('rollback').catch(async () => {
          await writer.client.end().catch(() => {})
          writer = await connect(url)
        })
      }
    }
    await writer.client.end().catch(() => {})
  }

  async function stranger(where: string): Promise<void> {
    const { client } = await connect(where)
    while (!stopped) {
      await client.query('begin; insert into strangers values (1)')
      for (let n = 0; n < 40 && !stopped; n += 1) await sleep(50)
      await client.query('commit')
      add('long transaction of a stranger')
    }
    await client.end()
  }

  /** Ends a backend in the middle of its transaction. Those with a prepared transaction leave it to `settle`. */
  async function killer(): Promise<void> {
    const { client } = await connect(url)
    while (!stopped) {
      await sleep(300)
      const { rowCount } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event = 'PgSleep' order by random() limit 1`,
      )
      if (rowCount) add('backend killed')
    }
    await client.end()
  }

  const running = [
    ...Array.from({ length: count }, () => write()),
    stranger(url),
    stranger(elsewhere),
    killer(),
  ]
  return {
    tally,
    async stop() {
      stopped = true
      await Promise.all(running)
      await settle(url)
    },
  }
}

/** Rolls back what a lost writer left prepared. */
async function settle(url: string): Promise<void> {
  const { client } = await connect(url)
  const { rows } = await client.query('select gid from pg_prepared_xacts where database = current_database()')
  for (const { gid } of rows) await client.query(`rollback prepared '${gid}'`)
  await client.end()
}

async function connect(url: string): Promise<Writer> {
  const client = new pg.Client(url)
  client.on('error', () => {}) // the killer's victims; the query that fails says so
  await client.connect()
  const source = pgAdapter(client, shop)
  return { client, source, call: caller(source, shop, null) }
}
