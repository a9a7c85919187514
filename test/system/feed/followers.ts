import pg from 'pg'
import { pgAdapter } from '../../../src/adapters/pg.ts'
import { caller, type WireEvent } from '../../support/caller.ts'
import { shop } from './shop.ts'

/** An event as far as the verdict needs it. */
export interface Seen {
  readonly position: number
  readonly row: string
  readonly type: string
  readonly version: number
}

export interface Follower {
  readonly name: string
  readonly seen: Seen[]
  /** Pages that held nothing although something committed had to be in them. */
  stalls: number
  /** How often that was looked at with a certain outcome. */
  audits: number
  /** Reads on until `end` says that nothing more will be written, and then to the end of the log. */
  readonly done: Promise<void>
}

interface Page {
  readonly events: readonly Seen[]
  readonly cursor: string
}

type Poll = (cursor: string | undefined) => Promise<Page>

const idle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Follows the feed as a caller of the endpoint does. */
export function follow(url: string, name: string, limit: number, ended: () => boolean): Follower {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  const call = caller(pgAdapter(pool, shop), shop, null)
  const poll: Poll = async (cursor) => {
    const { events, nextCursor } = await call.events(cursor, limit)
    return { events: events.map(seenOf), cursor: nextCursor }
  }
  return run(name, pool, limit, poll, (cursor) => mustHold(pool, cursor), ended)
}

/** Follows the log as one does who has not thought of transactions that commit late. */
export function followNaively(url: string, limit: number, ended: () => boolean): Follower {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  const poll: Poll = async (cursor = '0') => {
    const { rows } = await pool.query(
      `select o.position::float8, model || '/' || entity_id as row, type, (data::json ->> 'version')::int as version
       from postern.changes o where o.position > $1 order by o.position limit $2`,
      [cursor, limit],
    )
    return { events: rows, cursor: String(rows.at(-1)?.position ?? cursor) }
  }
  return run('position > cursor', pool, limit, poll, async () => false, ended)
}

const seenOf = ({ stamp, model, entityId, type, data }: WireEvent): Seen => ({
  position: stamp,
  row: `${model}/${entityId}`,
  type,
  version: Number(data.version),
})

function run(
  name: string,
  pool: pg.Pool,
  limit: number,
  poll: Poll,
  mustHoldSomething: (cursor: string) => Promise<boolean>,
  ended: () => boolean,
): Follower {
  const follower: { -readonly [K in keyof Follower]: Follower[K] } = {
    name,
    seen: [],
    stalls: 0,
    audits: 0,
    done: Promise.resolve(),
  }
  follower.done = (async () => {
    let full = true
    for (let cursor: string | undefined; ; ) {
      const last = ended()
      // behind a full page there is more in any case, and looking costs more than the page
      const certain = !full && cursor !== undefined && (await mustHoldSomething(cursor))
      const page = await poll(cursor)
      cursor = page.cursor
      full = page.events.length === limit
      follower.seen.push(...page.events)
      if (certain) follower.audits += 1
      if (certain && page.events.length === 0) follower.stalls += 1
      if (page.events.length > 0) continue
      if (last) break
      await idle(2)
    }
    await pool.end()
  })()
  return follower
}

/**
 * Whether the next page after this cursor cannot rightly be empty: something beyond it is committed, and no writer
 * in flight has registered below it (one that registers later takes positions above). No clock is asked.
 */
async function mustHold(pool: pg.Pool, cursor: string): Promise<boolean> {
  const position = JSON.parse(Buffer.from(cursor, 'base64url').toString())[3]
  const { rows } = await pool.query(
    'select o.position::text from postern.log o where o.position > $1 order by o.position limit 1',
    [position],
  )
  if (rows.length === 0) return false
  const { rows: ahead } = await pool.query('select from postern.blockers() where at_position < $1 limit 1', [
    rows[0].position,
  ])
  return ahead.length === 0
}
