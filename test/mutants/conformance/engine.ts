import { engineMutant } from './engine-base.ts'
import type { Mutant } from './mutant.ts'

/** Turns one state of the database's errors into another, which nobody tries again. */
const surfacing = (state: string) => (error: unknown) => {
  if ((error as { code?: unknown }).code === state) throw Object.assign(new Error('busy'), { code: '55P03' })
  throw error
}

const oneUpdateOf = (model: string): string => `-- ${model}: a commit of one UPDATE`
const OWN_ROW = '\n    and t.organization_id = _tenant'

/** Faults of the real engine, where locks, snapshots and positions decide. */
export const engineMutants: readonly Mutant[] = [
  engineMutant({
    fault: 'the feed has no horizon: it reads up to the last position',
    killedBy: 'FEED-16',
    message: 'the follower must get the late commit as well as the others, each once',
    plants: [{ point: 'horizon', find: 'least(_end, _oldest)', put: '_end' }],
  }),
  engineMutant({
    fault: 'the limit of a page counts changes, not their events',
    killedBy: 'FEED-22',
    message: 'a page must hold as many whole changes as fit within its limit',
    plants: [
      {
        where: 'function postern.events(',
        find: 'sum(cardinality(array_positions(_rels, o.rel))) over w <= _limit',
        put: 'true',
      },
    ],
  }),
  engineMutant({
    fault: "a list's stamp is the end of the log, not its horizon",
    killedBy: 'RACE-07',
    message: 'a decision on the old state must be stale',
    plants: [
      {
        where: 'function postern.page(',
        point: 'set-stamp',
        find: 'postern.set_stamp()::text',
        put: "pg_sequence_last_value('postern.position_seq')::text",
      },
    ],
  }),
  engineMutant({
    fault: 'readAt is judged without the lock of the row',
    killedBy: 'RACE-05',
    message: 'exactly one decision may be accepted',
    plants: [{ where: oneUpdateOf('gated'), point: 'lock', find: '\n  for no key update;', put: ';' }],
  }),
  engineMutant({
    fault: 'readAt is judged before the lock of the row is there',
    killedBy: 'RACE-05',
    message: 'held at "before the row is locked": exactly one decision may be accepted',
    plants: [
      {
        where: oneUpdateOf('gated'),
        point: 'lock',
        find: /(-- point: lock\n)([\s\S]*?-- point: judge-one\n.*? and )coalesce.*? then\n\s+(_stale := [^;]*;)/,
        put: '$1  if _read_at is not null then $3 end if;\n$2_stale is not null then',
      },
    ],
  }),
  engineMutant({
    fault: 'a stale caller is told the row of a later snapshot than its stamp',
    killedBy: 'RACE-17',
    message: 'the row and its stamp must be of one state',
    plants: [
      {
        where: oneUpdateOf('items'),
        point: 'look',
        find: /select (postern\.judge\([^)]*\)), (case[\s\S]*?)into _stale, _current([\s\S]*?;)/,
        put: 'select $1 into _stale$3 perform pg_sleep(0.002); select $2 into _current$3',
      },
    ],
  }),
  engineMutant({
    fault: 'the ledger is looked at and then written, without a lock or a key',
    killedBy: 'RACE-06',
    message: 'held at "before the row is locked": with the same bytes',
    plants: [
      { point: 'reserve', find: 'if pg_advisory_xact_lock(', put: 'if pg_advisory_xact_lock_shared(' },
      { where: '.ledger (', find: ',\n  primary key (key, tenant)', put: '' },
    ],
  }),
  engineMutant({
    fault: 'a refusal tells who of another tenant changed a row of all tenants',
    killedBy: 'TENANT-17',
    message: 'a refusal must not tell who of another tenant it was',
    plants: [{ point: 'participant', find: '_e.participant_id := null;', put: '' }],
  }),
  engineMutant({
    fault: 'the tenant is missing from the condition of an update only',
    killedBy: 'TENANT-02',
    message: "another tenant's row must not be changed",
    plants: [{ where: oneUpdateOf('items'), find: OWN_ROW, put: '' }],
  }),
  engineMutant({
    fault: 'the tenant is missing from the conditions of a commit of several operations',
    killedBy: 'TENANT-04',
    message: 'UPDATE among others must not reach a foreign row',
    plants: [
      { where: '-- items: locks rows in key order', find: ' and t.organization_id = _tenant', put: '' },
      { where: '-- items: applies operations', find: ' and t.organization_id = _tenant', put: '' },
    ],
  }),
  engineMutant({
    fault: 'the tenant is missing from the conditions of a list',
    killedBy: 'TENANT-05',
    message: 'a list by {} must hold own rows only',
    plants: [
      { where: 'limit ', find: 'where t.organization_id = $1::text', put: 'where $1::text is not null' },
    ],
  }),
  engineMutant({
    fault: "a child may come under another tenant's parent",
    killedBy: 'TENANT-10',
    message: 'a child needs a parent of its own tenant',
    plants: [
      { where: '-- parts: a commit of one CREATE', find: ' and p.organization_id = _tenant', put: '' },
    ],
  }),
  engineMutant({
    fault: "a reference may lead to another tenant's row",
    killedBy: 'TENANT-15',
    message: 'itemId must name a row that the tenant may see',
    plants: [
      { where: '-- links: a commit of one CREATE', find: ' and p.organization_id = _tenant', put: '' },
    ],
  }),
  engineMutant({
    fault: "a reference of a row that is there may lead to another tenant's row",
    killedBy: 'TENANT-15',
    message: 'itemId must name a row that the tenant may see',
    plants: [
      { where: '-- links: a commit of one UPDATE', find: ' and p.organization_id = _tenant', put: '' },
    ],
  }),
  engineMutant({
    fault: 'references among several operations are not looked at',
    killedBy: 'TENANT-15',
    message: 'itemId must name a row that the tenant may see',
    plants: [{ where: '-- links: applies operations', find: ' and p.organization_id = _tenant', put: '' }],
  }),
  engineMutant({
    fault: 'a deadlock surfaces',
    killedBy: 'ERROR-09',
    message: 'a deadlock must not reach the caller',
    connection: (real) => ({
      ...real,
      query: (text, values) => real.query(text, values).catch(surfacing('40P01')),
    }),
  }),
  engineMutant({
    fault: 'a commit runs under one snapshot, and its serialization failure surfaces',
    killedBy: 'ERROR-10',
    message: 'a serialization failure must not reach the caller',
    isolation: 'repeatable read',
    plants: [
      {
        find: "if current_setting('transaction_isolation') <> 'read committed' then\n    -- each rule",
        put: 'if false then\n    -- each rule',
      },
    ],
    connection: (real) => ({
      query: (text, values) => real.query(text, values).catch(surfacing('40001')),
      transaction: (work) =>
        real
          .transaction(async (session, tx) => {
            await session.query('set transaction isolation level repeatable read', [])
            return work(session, tx)
          })
          .catch(surfacing('40001')),
    }),
  }),
  engineMutant({
    fault: 'a replay is parsed and written anew',
    killedBy: 'IDEM-12',
    message: 'a replay must give the original bytes, not a second serialisation',
    adapter: (real) => ({
      commit: async (request) => {
        const answer = await real.commit(request)
        return answer.replayed ? { ...answer, body: JSON.stringify(JSON.parse(answer.body)) } : answer
      },
    }),
  }),
  engineMutant({
    fault: 'a key past the retention of the ledger replays for ever',
    killedBy: 'IDEM-18',
    message: 'an expired key must be refused while its entry is there',
    plants: [
      {
        find: 'if _entry.at < now() - _retention then',
        put: 'if false then',
      },
    ],
  }),
  engineMutant({
    fault: 'a readAt beyond the end of the log is fresh',
    killedBy: 'STALE-10',
    message: 'a position from another world must be refused',
    plants: [
      {
        where: 'function postern.judge(',
        find: 'if postern.known(_read_at) then return null; end if;',
        put: 'return null;',
      },
    ],
  }),
  engineMutant({
    fault: "a load's stamp is read after its row, in another statement",
    killedBy: 'RACE-04',
    message: 'the counter must be the number of accepted commits',
    adapter: (real) => ({
      load: async (request) => {
        const { row } = JSON.parse(await real.load(request)) as { row: unknown }
        await new Promise((resolve) => {
          setTimeout(resolve, 20)
        })
        const { stamp } = JSON.parse(await real.load(request)) as { stamp: number }
        return JSON.stringify({ row, stamp })
      },
    }),
  }),
  engineMutant({
    fault: 'a change that came through the endpoint is captured once more by the trigger',
    killedBy: 'FEED-20',
    message: 'each change must be told once',
    plants: [
      {
        point: 'own',
        find: /set_config\('postern\.own', '\d+:' \|\| .*, true\);/,
        put: "set_config('postern.own', '', true);",
      },
    ],
  }),
  engineMutant({
    fault: 'capture triggers are not installed',
    killedBy: 'FEED-19',
    message: 'a write from elsewhere must leave its event',
    plants: [
      {
        find: "when (coalesce(current_setting('postern.own', true), '') in ('', '*'))",
        put: 'when (false)',
      },
    ],
  }),
  engineMutant({
    fault: 'JSON null is stored as a value',
    killedBy: 'VALUE-07',
    message: 'a null must be found as one',
    plants: [{ find: "nullif(_input -> 'doc'::text, 'null')", put: "_input -> 'doc'::text" }],
  }),
  engineMutant({
    fault: 'times are told in the time zone of the server',
    killedBy: 'VALUE-03',
    message: 'at "2026-01-02T03:04:05.123456Z" must come back exactly from a commit',
    plants: [{ where: 'values', find: `.at at time zone 'UTC'`, put: `.at at time zone 'Asia/Kathmandu'` }],
  }),
  engineMutant({
    fault: 'base64 is broken into lines',
    killedBy: 'VALUE-10',
    message: 'must come back exactly from a commit',
    plants: [{ find: `, 'base64'), E'\\n', '')`, put: `, 'base64'), '', '')` }],
  }),
  engineMutant({
    fault: 'a value with more digits than its column keeps is rounded',
    killedBy: 'VALUE-21',
    message: 'price 1.234 must not be rounded',
    plants: [
      {
        where: '-- values: a commit of one CREATE',
        find: "raise exception 'postern: a value has more digits than its column keeps' using errcode = '22003'",
        put: 'null',
      },
    ],
  }),
]
