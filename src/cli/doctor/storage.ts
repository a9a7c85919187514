import type { PostgresAdapter } from '../../postgres/adapter.ts'
import type { PostgresConnection } from '../../postgres/connection.ts'
import { bytes } from '../outcome.ts'
import { visible } from '../visible.ts'
import type { Line } from './line.ts'

/** How far the feed is, how much is kept, and whether `prune` runs. */
export async function lookAtLog(
  adapter: PostgresAdapter,
  connection: PostgresConnection,
  s: string,
): Promise<Line[]> {
  const { position, horizon, blockers, followers, bytes: size } = await adapter.feedStatus()
  const [row] = await connection.query(
    `select m.log_retention::text as log, m.ledger_retention::text as ledger,
  -- keys replay for one retention and are dropped after the second
  (select (min(l.at) < now() - 2 * m.ledger_retention - interval '7 days')::text from ${s}.ledger l) as overdue,
  (select jsonb_agg(f.name order by f.name)::text from ${s}.follower f where f.seen_at < now() - m.log_retention) as silent,
  current_setting('server_version') as version
from ${s}.meta m`,
    [],
  )
  const lag = position - horizon
  const behind = followers.map((one) => `${one.name} ${one.behind} behind`).join(', ')
  const lines: Line[] = [
    { level: 'ok', subject: 'server', message: `Postgres ${row?.version}` },
    {
      level: 'ok',
      subject: 'feed',
      message:
        lag === 0
          ? `up to date at position ${position}${behind && `; followers: ${behind}`}`
          : `${lag} positions behind ${position}, held by ${blockers.map((one) => one.pid ?? one.prepared).join(', ') || 'writers in flight'}`,
    },
    {
      level: 'ok',
      subject: 'storage',
      message: `log ${bytes(size.log)}, kept ${row?.log}; ledger ${bytes(size.ledger)}, kept ${row?.ledger}`,
    },
  ]
  if (row?.overdue === 'true') {
    lines.push({
      level: 'warning',
      subject: 'storage',
      message: 'prune does not run: there are keys past twice their retention',
      fix: 'Have a scheduler run `npx postern prune` once a day.',
    })
  }
  // a relay's place and cursor are more than the name that holds pruning: only its own functions let go of all
  const silent = JSON.parse(row?.silent ?? '[]') as string[]
  const relays = silent.filter((name) => name.startsWith('relay:')).map((name) => name.slice('relay:'.length))
  const others = silent.filter((name) => !name.startsWith('relay:'))
  const held = (what: string, names: readonly string[], fix: string): Line[] => {
    const message = `${what} not seen for longer than the log is kept hold pruning: ${visible(names.join(', '))}`
    return names.length === 0 ? [] : [{ level: 'warning', subject: 'feed', message, fix }]
  }
  lines.push(
    ...held('followers', others, 'Start them, or forget the names: adapter.acknowledge(name, null)'),
    ...held(
      'relays',
      relays,
      'Start them (`npx postern relay --name ...`), or forget them: relaysOf(adapter).forget(name), from postern/relay',
    ),
  )
  return lines
}
