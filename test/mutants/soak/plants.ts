import type { PostgresConnection, PostgresSession } from '../../../src/postgres/connection.ts'
import type { Edit } from '../point.ts'
import { appliesCommit, connectionLost, loads } from './statements.ts'

/** A mistake that looks reasonable, planted to see that the harness finds it. */
export interface Plant {
  readonly name: string
  /** What it does to the promise. */
  readonly breaks: string
  /** What is to find it: random histories, the soak, or the soak of an application with hooks. */
  readonly by: 'histories' | 'soak' | 'soak with hooks'
  /** Edits of the SQL as it is installed. Each must fit somewhere. */
  readonly sql?: readonly Edit[]
  /** Run once the engine is installed. */
  readonly after?: string
  /** Stands between the engine and its connection. */
  readonly seam?: (connection: PostgresConnection) => PostgresConnection
}

/** The same connection with another way to run a statement, inside transactions as well. */
function queries(
  run: (
    session: PostgresSession,
    ...statement: Parameters<PostgresSession['query']>
  ) => ReturnType<PostgresSession['query']>,
): (connection: PostgresConnection) => PostgresConnection {
  const wrap = (session: PostgresSession): PostgresSession => ({
    query: (text, values) => run(session, text, values),
  })
  return (connection) => ({
    ...wrap(connection),
    transaction: (work) => connection.transaction((session, tx) => work(wrap(session), tx)),
  })
}

/** What is written here is moved to where it belongs by a second statement, in a transaction of its own. */
const outside = (
  table: 'ledger' | 'log',
  key: 'key' | 'commit_key',
): Pick<Plant, 'sql' | 'after' | 'seam'> => ({
  sql: [
    {
      find: new RegExp(`insert into postern\\.${table} \\(([^)]*)\\b${key}\\b`, 'g'),
      put: `insert into postern.${table}_outside ($1${key}`,
    },
  ],
  after: `create table postern.${table}_outside (like postern.${table} including defaults)`,
  seam: queries(async (session, text, values) => {
    const rows = await session.query(text, values)
    if (appliesCommit(text) && rows[0]?.answer?.startsWith('applied ')) {
      await session.query(
        `with moved as (delete from postern.${table}_outside where ${key} = $1::text returning *)
         insert into postern.${table} select * from moved`,
        [values[1] as string],
      )
    }
    return rows
  }),
})

/** What is said when the connection is lost while a commit is under way. */
const whenLost = (
  say: (
    session: PostgresSession,
    text: string,
    values: readonly (string | null)[],
  ) => ReturnType<PostgresSession['query']>,
) =>
  queries(async (session, text, values) => {
    try {
      return await session.query(text, values)
    } catch (error) {
      if (!appliesCommit(text) || !connectionLost(error)) throw error
      return say(session, text, values)
    }
  })

export const plants: readonly Plant[] = [
  {
    name: 'acknowledged before durable',
    breaks:
      'the server’s synchronous_commit = off is left as it is, so that a kill takes acknowledged commits along',
    by: 'soak',
    sql: [{ find: "current_setting('synchronous_commit') = 'off'", put: 'false' }],
  },
  {
    name: 'ledger outside',
    breaks: 'the answer is recorded in a second transaction, after the change',
    by: 'soak',
    ...outside('ledger', 'key'),
  },
  {
    name: 'events outside',
    breaks: 'events are appended in a second transaction, after the change',
    by: 'soak',
    ...outside('log', 'commit_key'),
  },
  {
    name: 'retry under a new key',
    breaks: 'a commit whose connection was lost is sent again under another key',
    by: 'soak',
    seam: whenLost((session, text, [tenant, key, ...rest]) =>
      session.query(text, [tenant as string, `${key}~2`, ...rest]),
    ),
  },
  {
    name: 'lost answer, success',
    breaks: 'a lost connection is taken for an answer that got lost, and success is said',
    by: 'soak',
    seam: whenLost(async () => [{ answer: 'applied {"rows":[],"stamps":[]}' }]),
  },
  {
    name: 'lost answer, refusal',
    breaks: 'a lost connection is taken for a refusal, and the caller is told that nothing happened',
    by: 'soak',
    seam: whenLost(async () => [{ answer: 'stale {"operations":[]}' }]),
  },
  {
    name: 'ignored commit tag',
    breaks: 'COMMIT that answers ROLLBACK counts as committed',
    by: 'soak with hooks',
    seam: (connection) => ({
      query: connection.query,
      transaction: async (work) => {
        let result: { value: Awaited<ReturnType<typeof work>> } | undefined
        try {
          await connection.transaction(async (session, tx) => {
            const query: PostgresSession['query'] = async (text, values) =>
              text === 'select 1' ? [] : session.query(text, values)
            result = { value: (await work({ query }, tx)) as Awaited<ReturnType<typeof work>> }
          })
        } catch (error) {
          // the tag came with no error; what says so here is not heard
          if (result === undefined || (error as { code?: string }).code !== 'internal_error') throw error
        }
        return (result as NonNullable<typeof result>).value
      },
    }),
  },
  {
    name: 'lock after the check',
    breaks: 'a row is judged before it is locked, so that two writers who read the same state both pass',
    by: 'histories',
    sql: [{ point: 'lock', find: /\n\s+for (no key )?update;/, put: ';' }],
  },
  {
    name: 'lock after the check, several',
    breaks: 'the same in commits of several operations',
    by: 'histories',
    sql: [{ find: / for (no key )?update( of t)?\) l\)/g, put: ') l)' }],
  },
  {
    name: 'key lock dropped',
    breaks: 'a twin looks into the ledger without waiting for the first, and goes on',
    by: 'histories',
    sql: [{ point: 'reserve', find: /if pg_advisory_xact_lock\([^;]* then null; end if;/, put: '' }],
  },
  {
    name: 'keys without tenants',
    breaks: 'one tenant’s key answers another’s commit',
    by: 'histories',
    sql: [{ point: 'reserve', find: 'l.key = _key and l.tenant = _tenant', put: 'l.key = _key' }],
  },
  {
    name: 'intent not compared',
    breaks: 'another commit under a used key is answered with the old one’s rows',
    by: 'histories',
    sql: [{ point: 'reserve', find: '_entry.intent <> _intent or', put: 'false or' }],
  },
  {
    name: 'refusals recorded',
    breaks: 'a stale commit burns its key',
    by: 'histories',
    sql: [
      {
        point: 'look',
        find: /return 'stale \{"operations":\[' \|\| _x \|\| '\]\}'/g,
        put: `insert into postern.ledger (tenant, key, intent, intent_hash, body) values (_tenant, _key, _intent, _intent_hash, '{"rows":[]}');
      $&`,
      },
    ],
  },
  {
    name: 'half a commit',
    breaks: 'operations that meet an objection are left out, and the rest is accepted',
    by: 'histories',
    sql: [{ point: 'own', find: 'when others then _strict := true;', put: 'when others then null;' }],
  },
  {
    name: 'merge over the same field',
    breaks: 'merge does not compare the fields',
    by: 'histories',
    sql: [
      {
        point: 'judge-one',
        find: /and not postern\.named\([^)]*\) \?\| array\(select jsonb_object_keys\(_input\)\)/,
        put: '',
      },
    ],
  },
  {
    name: 'stamp after the row',
    breaks: 'a row’s stamp is read by a second statement, after the row',
    by: 'histories',
    seam: queries(async (session, text, values) => {
      const rows = await session.query(text, values)
      if (!loads(text) || rows[0] === undefined) return rows
      const [later] = await session.query(text, values)
      return [{ ...rows[0], stamp: later?.stamp ?? null }]
    }),
  },
  {
    name: 'horizon ignored',
    breaks: 'followers read up to the last position given, past writers that have not ended',
    by: 'histories',
    sql: [{ point: 'horizon', find: 'least(_end, _oldest)', put: '_end' }],
  },
  {
    name: 'writers do not register',
    breaks: 'a writer takes positions without saying so',
    by: 'histories',
    sql: [
      { point: 'enter-registry', find: /if pg_advisory_xact_lock_shared\([^;]* then null; end if;/, put: '' },
    ],
  },
  {
    name: 'position before the lock',
    breaks: 'a commit takes its position when it begins, and waits for its row afterwards',
    by: 'histories',
    sql: [
      {
        point: 'reserve',
        find: 'if not found then return null; end if;',
        put: `if not found then
    perform set_config('postern.early', nextval('postern.position_seq')::text, true);
    return null;
  end if;`,
      },
      {
        where: 'function postern.record_one(',
        find: /_position := nextval\('postern\.position_seq'\);\s+if _position <= _last then/,
        put: `_position := current_setting('postern.early')::bigint;\n  if false then`,
      },
    ],
  },
  {
    name: 'raw writes not captured',
    breaks: 'the triggers that log writes around the endpoint stand down for everybody',
    by: 'histories',
    sql: [
      { find: "when (coalesce(current_setting('postern.own', true), '') in ('', '*'))", put: 'when (false)' },
    ],
  },
  {
    name: 'pruning takes the last event',
    breaks: 'compaction deletes a row’s last event too, and with it the row’s stamp',
    by: 'histories',
    sql: [{ point: 'prune-below', find: 'o.position < l.position', put: 'o.position <= l.position' }],
  },
  {
    name: 'pruning passes followers',
    breaks: 'compaction does not wait for a named follower',
    by: 'histories',
    sql: [
      {
        find: /select least\(_limit, min\(f\.position\)\) into _limit from postern\.follower f[^;]*;/,
        put: '',
      },
    ],
  },
]
