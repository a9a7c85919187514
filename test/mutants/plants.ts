import { appendFileSync } from 'node:fs'

/**
 * Faults to plant in the engine's SQL as it is installed, each a mistake that a reasonable person could make.
 * `npm run test:plants` installs one after the other (`POSTERN_PLANT=<name>`) and wants the tests named here to go red:
 * that is how the tests themselves are tested.
 */
export interface Plant {
  readonly name: string
  readonly mistake: string
  readonly find: RegExp
  readonly put: string
  /** Test files that must notice, below test/. */
  readonly noticed: readonly string[]
}

const engine = (...files: string[]): string[] => files.map((file) => `postgres/${file}.test.ts`)

/** Entering the in-flight registry. */
const registers = /if pg_advisory_xact_lock_shared\([^;]*then null; end if;/g

export const plants: readonly Plant[] = [
  {
    name: 'no-horizon',
    mistake: 'the feed reads up to the newest visible position',
    find: / and o\.position <= _horizon/g,
    put: '',
    noticed: [...engine('feed', 'durability'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'not-registered',
    mistake: 'writers do not enter the registry',
    find: registers,
    put: '',
    noticed: [...engine('feed', 'durability'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'registered-too-late',
    mistake: 'a commit of several operations enters the registry after it took its positions',
    find: /(if pg_advisory_xact_lock_shared\([^;]*then null; end if;)\s+with event as([^;]*);/g,
    put: "with event as$2; _last := coalesce(pg_sequence_last_value('postern.position_seq'), 0); $1",
    noticed: engine('feed'),
  },
  {
    name: 'registry-before-end',
    mistake: 'the horizon reads who is in flight first and the end of the sequence then',
    find: /return least\(_end, _oldest\)/g,
    put: "perform pg_sleep(0.001); return least(pg_sequence_last_value('postern.position_seq'), _oldest)",
    noticed: ['system/feed/feed.test.ts'],
  },
  {
    name: 'registered-first',
    mistake: 'a commit enters the registry before it waits for anybody',
    find: /(if pg_advisory_xact_lock\(\d+, hashtext\(_key\)\) is null then null; end if;)/g,
    put: '$1 perform postern.register();',
    noticed: engine('interleavings'),
  },
  {
    name: 'any-database',
    mistake: 'advisory locks of other databases count as writers of this one',
    find: /\s+and l\.database = \(select d\.oid from pg_database d where d\.datname = current_database\(\)\)/g,
    put: '',
    noticed: engine('feed'),
  },
  {
    name: 'low-32-bits',
    mistake: 'the registry reads the lower half of a position only',
    find: /\(\(l\.classid::bigint & 65535\) << 32\) \| /g,
    put: '',
    noticed: engine('feed'),
  },
  {
    name: 'cache-unchecked',
    mistake: 'nobody looks whether the sequence caches',
    find: /<> 1 then|<= _last then/g,
    put: 'is null then',
    noticed: engine('feed'),
  },
  {
    name: 'any-isolation',
    mistake: 'commits and pages may run under one snapshot for all',
    find: /current_setting\('transaction_isolation'\) <> 'read committed'/g,
    put: 'false',
    noticed: engine('feed'),
  },
  {
    name: 'no-key-lock',
    mistake: 'twins of a key do not wait for each other',
    find: /if pg_advisory_xact_lock\(\d+, hashtext\(_key\)\) is null then null; end if;/g,
    put: '',
    // a commit of one operation is saved by the ledger's own key
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'intent-unchecked',
    mistake: 'a key is replayed whatever is asked for under it',
    find: /_entry\.intent <> _intent or/g,
    put: '',
    noticed: engine('idempotency'),
  },
  {
    name: 'no-row-lock',
    mistake: 'a commit of one operation judges before it holds the row',
    find: /\n {2}for (no key )?update;/g,
    put: ';',
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'no-row-locks',
    mistake: 'a commit of several operations judges before it holds the rows',
    find: / for (no key )?update\) l\)/g,
    put: ') l)',
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'judged-unfresh-at-equal',
    mistake: 'a change at readAt itself counts as later',
    find: /\(e\.entity_id, e\.model, e\.position\) > /g,
    put: '(e.entity_id, e.model, e.position) >= ',
    noticed: engine('staleness'),
  },
  {
    name: 'unknown-is-fresh',
    mistake: 'a readAt beyond the end of the log is taken as fresh',
    find: /if not found and _read_at <= coalesce\(pg_sequence_last_value\('postern\.position_seq'\), 0\) then/g,
    put: 'if not found then',
    noticed: engine('staleness', 'feed'),
  },
  {
    name: 'merge-forgets',
    mistake: 'merge looks at the newest change only',
    find: /_changed := _changed \|\| coalesce\(_e\.changed, '\{\}'\)/g,
    put: "_changed := coalesce(_e.changed, '{}')",
    noticed: engine('staleness'),
  },
  {
    name: 'asynchronous',
    mistake: 'a database that does not wait for its disk is taken as it is',
    find: /current_setting\('synchronous_commit'\) = 'off'/g,
    put: 'false',
    noticed: engine('durability'),
  },
  {
    name: 'tenant-forgotten',
    mistake: 'rows are locked and changed by key alone',
    find: /\s+and t\.organization_id = _tenant/g,
    put: '',
    noticed: engine('tenancy', 'commit'),
  },
  {
    name: 'parents-unchecked',
    mistake: 'a row may be put under any parent',
    find: /and p\.organization_id = _tenant/g,
    put: '',
    noticed: engine('tenancy'),
  },
  {
    name: 'feed-of-all',
    mistake: 'the feed forgets whose it is',
    find: /where o\.tenant \|\| '' = _tenant and/g,
    put: "where o.tenant <> '' and",
    noticed: engine('tenancy', 'feed'),
  },
  {
    name: 'suppressed-unnoticed',
    mistake: 'a write that a trigger suppressed counts as done, or its row as missing',
    find: /raise exception 'postern: a trigger suppressed the write' using errcode = 'PN409';/g,
    put: 'null;',
    noticed: engine('triggers'),
  },
  {
    name: 'captured-twice',
    mistake: 'capture triggers also log what the endpoint writes',
    find: /\n\s*when \(current_setting\('postern\.commit', true\) is distinct from pg_trigger_depth\(\)::text\)/g,
    put: '',
    noticed: [...engine('capture'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'cascades-uncaptured',
    mistake: 'capture stands down for everything beneath the endpoint’s own statement',
    find: /when \(current_setting\('postern\.commit', true\) is distinct from pg_trigger_depth\(\)::text\)/g,
    put: "when (coalesce(current_setting('postern.commit', true), '') = '')",
    noticed: engine('capture'),
  },
  {
    name: 'pruned-too-far',
    mistake: 'pruning does not look at named followers',
    find: /select least\(_limit, min\(f\.position\)\) into _limit from postern\.follower f;/g,
    put: '',
    noticed: engine('retention'),
  },
  {
    name: 'pruned-in-flight',
    mistake: 'pruning passes the horizon',
    find: /_limit := postern\.horizon\(\);/g,
    put: "_limit := pg_sequence_last_value('postern.position_seq');",
    noticed: engine('retention'),
  },
]

const chosen = process.env.POSTERN_PLANT

/** A statement as it is installed in this run: as it was written, unless a fault is planted. */
export function planted(statement: string): string {
  if (chosen === undefined || chosen === '') return statement
  const plant = plants.find(({ name }) => name === chosen)
  if (plant === undefined) throw new Error(`POSTERN_PLANT=${chosen}: no such fault`)
  const changed = statement.replaceAll(plant.find, plant.put)
  const { POSTERN_PLANT_FITTED: fitted } = process.env
  if (fitted && changed !== statement) appendFileSync(fitted, '.')
  return changed
}
