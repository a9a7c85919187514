import { appendFileSync } from 'node:fs'
import { type Edit, withEdit } from './point.ts'

/**
 * Faults to plant in the engine's SQL as it is installed, each a mistake that a reasonable person could make.
 * `npm run test:plants` installs one after the other (`POSTERN_PLANT=<name>`) and wants the tests named here to go red:
 * that is how the tests themselves are tested.
 */
export interface Plant {
  readonly name: string
  readonly mistake: string
  /** Each must fit somewhere. */
  readonly edits: readonly Edit[]
  /** Test files that must notice, below test/. */
  readonly noticed: readonly string[]
}

const engine = (...files: string[]): string[] => files.map((file) => `postgres/${file}.test.ts`)

/** Our own statement of a commit of one operation, whose row the triggers leave out. */
const ownRow = /set_config\('postern\.own', '\d+:' \|\| .*, true\);/

export const plants: readonly Plant[] = [
  {
    name: 'no-horizon',
    mistake: 'the feed reads up to the newest visible position',
    edits: [{ point: 'horizon', find: 'least(_end, _oldest)', put: '_end' }],
    noticed: [...engine('feed', 'durability'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'not-registered',
    mistake: 'writers do not enter the registry',
    edits: [
      { point: 'enter-registry', find: /if pg_advisory_xact_lock_shared\([^;]*then null; end if;/, put: '' },
    ],
    noticed: [...engine('feed', 'durability'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'registered-too-late',
    mistake: 'a commit of several operations enters the registry after it took its positions',
    edits: [
      {
        where: 'function postern.record_many(',
        find: /_x bigint := postern\.register\(\);([\s\S]*?)(if _low <= _last then)/,
        put: '_x bigint;$1_x := postern.register();\n  $2',
      },
    ],
    noticed: engine('feed'),
  },
  {
    name: 'registry-before-end',
    mistake: 'the horizon reads who is in flight first and the end of the sequence then',
    edits: [
      {
        point: 'horizon',
        find: 'least(_end, _oldest)',
        put: "least((select pg_sequence_last_value('postern.position_seq') from pg_sleep(0.001)), _oldest)",
      },
    ],
    noticed: ['system/feed/feed.test.ts'],
  },
  {
    name: 'registered-first',
    mistake: 'a commit enters the registry before it waits for anybody',
    edits: [
      {
        point: 'reserve',
        find: /if pg_advisory_xact_lock\([^;]*then null; end if;/,
        put: '$& perform postern.register();',
      },
    ],
    noticed: engine('interleavings'),
  },
  {
    name: 'any-database',
    mistake: 'advisory locks of other databases count as writers of this one',
    edits: [
      {
        find: /\s+and l\.database = \(select d\.oid from pg_database d where d\.datname = current_database\(\)\)/g,
        put: '',
      },
    ],
    noticed: engine('feed'),
  },
  {
    name: 'low-32-bits',
    mistake: 'the registry reads the lower half of a position only',
    edits: [{ find: '((l.classid::bigint & 65535) << 32) | ', put: '' }],
    noticed: engine('feed'),
  },
  {
    name: 'cache-unchecked',
    mistake: 'nobody looks whether the sequence caches',
    edits: [
      { find: '<> 1 then', put: 'is null then' },
      { find: '<= _last then', put: 'is null then' },
    ],
    noticed: engine('feed'),
  },
  {
    name: 'any-isolation',
    mistake: 'commits and pages may run under one snapshot for all',
    edits: [{ find: "current_setting('transaction_isolation') <> 'read committed'", put: 'false' }],
    noticed: engine('feed'),
  },
  {
    name: 'no-key-lock',
    mistake: 'twins of a key do not wait for each other',
    edits: [{ point: 'reserve', find: /if pg_advisory_xact_lock\([^;]*then null; end if;/, put: '' }],
    // a commit of one operation is saved by the ledger's own key
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'intent-unchecked',
    mistake: 'a key is replayed whatever is asked for under it',
    edits: [{ point: 'reserve', find: '_entry.intent <> _intent or', put: '' }],
    noticed: engine('idempotency'),
  },
  {
    name: 'no-row-lock',
    mistake: 'a commit of one operation judges before it holds the row',
    edits: [{ point: 'lock', find: /\n {2}for (no key )?update;/, put: ';' }],
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'no-row-locks',
    mistake: 'a commit of several operations judges before it holds the rows',
    edits: [{ find: / for (no key )?update( of t)?\) l\)/g, put: ') l)' }],
    noticed: engine('isolation', 'interleavings'),
  },
  {
    name: 'row-before-its-stamp',
    mistake: 'a stale caller is told the row of one moment with the stamp of a later one',
    edits: [
      {
        where: 'tasks: a commit of one CREATE',
        find: /select (postern\.judge\([^)]*\)), (case[\s\S]*?)into _stale, _current([\s\S]*?;)/,
        put: 'select $2 into _current$3 perform pg_sleep(0.001); select $1 into _stale$3',
      },
    ],
    noticed: engine('staleness'),
  },
  {
    name: 'judged-unfresh-at-equal',
    mistake: 'a change at readAt itself counts as later',
    edits: [
      { where: 'function postern.judge(', find: 'e.position > _read_at', put: 'e.position >= _read_at' },
      { point: 'judge-one', find: 'coalesce(_entry.position, 0) <> _read_at', put: 'true' },
      { point: 'judge-many', find: '(l.key, l.rel, l.position) > (', put: '(l.key, l.rel, l.position) >= (' },
    ],
    noticed: engine('staleness'),
  },
  {
    name: 'unknown-is-fresh',
    mistake: 'a readAt beyond the end of the log is taken as fresh',
    edits: [{ find: 'if postern.known(_read_at) then return null; end if;', put: 'return null;' }],
    noticed: engine('staleness', 'feed'),
  },
  {
    name: 'merge-forgets',
    mistake: 'merge looks at the newest change only',
    edits: [
      {
        find: "_changed := _changed || coalesce(_e.changed, '{}')",
        put: "_changed := coalesce(_e.changed, '{}')",
      },
    ],
    noticed: engine('staleness'),
  },
  {
    name: 'asynchronous',
    mistake: 'a database that does not wait for its disk is taken as it is',
    edits: [{ find: "current_setting('synchronous_commit') = 'off'", put: 'false' }],
    noticed: engine('durability'),
  },
  {
    name: 'tenant-forgotten',
    mistake: 'rows are locked and changed by key alone',
    edits: [{ find: /\s+and t\.organization_id = _tenant/g, put: '' }],
    noticed: engine('tenancy', 'commit'),
  },
  {
    name: 'parents-unchecked',
    mistake: 'a row may be put under any parent',
    edits: [{ find: 'and p.organization_id = _tenant', put: '' }],
    noticed: engine('tenancy'),
  },
  {
    name: 'feed-of-all',
    mistake: 'the feed forgets whose it is',
    edits: [{ find: "where l.tenant || '' = _tenant and", put: "where l.tenant <> '' and" }],
    noticed: engine('tenancy', 'feed'),
  },
  {
    name: 'suppressed-unnoticed',
    mistake: 'a write that a trigger suppressed counts as done, or its row as missing',
    edits: [
      {
        find: "raise exception 'postern: a trigger or rule suppressed the write' using errcode = 'PN409';",
        put: 'null;',
      },
    ],
    noticed: engine('triggers'),
  },
  {
    name: 'captured-twice',
    mistake: 'capture triggers also log what the endpoint writes',
    edits: [
      { point: 'own', find: ownRow, put: "set_config('postern.own', '', true);" },
      { point: 'own-rows', find: "if current_setting('postern.own', true) = '*' then", put: 'if false then' },
    ],
    noticed: [...engine('capture'), 'system/feed/feed.test.ts'],
  },
  {
    name: 'cascades-uncaptured',
    mistake: 'capture stands down for everything beneath the endpoint’s own statement',
    edits: [
      { find: /when \(.* not in \('', '\*'\) and .*\) execute/, put: 'when (false) execute' },
      {
        find: "when (coalesce(current_setting('postern.own', true), '') in ('', '*'))",
        put: "when (coalesce(current_setting('postern.own', true), '') = '')",
      },
    ],
    noticed: engine('capture'),
  },
  {
    name: 'gap-of-one-size',
    mistake: 'each start of the server leaves a gap of the same size',
    edits: [{ find: '_begin := postern.clock_position();', put: '_begin := _top + (1 << 24);' }],
    noticed: engine('durability'),
  },
  {
    name: 'moves-counted-by-parent',
    mistake: 'what a move takes along is counted for each parent anew',
    edits: [
      { find: ' into _n using _c.', put: ' using _c.' },
      { find: /\(\$1, \$2\)', _g\) using (_c\.\w+), _n;/, put: "($$1, 0)', _g) using $1;" },
    ],
    noticed: engine('parents'),
  },
  {
    name: 'pruned-too-far',
    mistake: 'pruning does not look at named followers',
    edits: [
      {
        find: /select least\(_limit, min\(f\.position\)\) into _limit from postern\.follower f[^;]*;/,
        put: '',
      },
    ],
    noticed: engine('retention'),
  },
  {
    name: 'pruned-in-flight',
    mistake: 'pruning passes the horizon',
    edits: [
      {
        find: '_limit := postern.horizon();',
        put: "_limit := pg_sequence_last_value('postern.position_seq');",
      },
    ],
    noticed: engine('retention'),
  },
]

const chosen = process.env.POSTERN_PLANT

/** A statement as it is installed in this run: as it was written, unless a fault is planted. */
export function planted(statement: string): string {
  if (chosen === undefined || chosen === '') return statement
  const plant = plants.find(({ name }) => name === chosen)
  if (plant === undefined) throw new Error(`POSTERN_PLANT=${chosen}: no such fault`)
  const { POSTERN_PLANT_FITTED: fitted } = process.env
  return plant.edits.reduce((text, edit, index) => {
    const changed = withEdit(text, edit)
    if (fitted && changed !== text) appendFileSync(fitted, `${index}\n`)
    return changed
  }, statement)
}
