import type { ScalarKind } from '../../core/schema/kind.ts'

/**
 * What the library knows of one type of Postgres. Rows of `columnTypes`; a type that has none is read and written by
 * its own text (`otherType`).
 */
export interface ColumnType {
  /** The kind that `pull` declares for it. */
  readonly kind: ScalarKind
  /** How `pull` writes it. */
  readonly declare: string
  /** Kinds beside `kind` and text that may stand over it without changing its values. */
  readonly alsoHolds?: readonly ScalarKind[]
  /** A text may not stand over it: JSON has the value by itself. */
  readonly notText?: true
  /**
   * What makes a text over it exact. `always`: it keeps every text. `kind`: what is exact for `kind` is exact.
   * `number`: it is compared as a decimal with what would be stored. `stored`: what would be stored has the same text.
   */
  readonly exact: 'always' | 'kind' | 'number' | 'stored'
  /** Every value has one text, so that a key or a tenant may be of it. */
  readonly key?: true
  /** Values are compared by the type's own operators; otherwise as texts, which needs none of anybody's. */
  readonly operators?: true
  /** Its text goes by settings of the session, see `pinned`. */
  readonly bySettings?: true
  /** SQL for the text that travels. Default: what the type's output function says. */
  text?(value: string): string
  /** SQL for the JSON text, where that is no quoted text; null when the value is null. */
  json?(value: string): string
  /** SQL for a value of `type` from a text that travels. Default: a cast. */
  value?(text: string, type: string): string
  /** SQL for a text that was sent, in the spelling of the output function; for `stored`. */
  spelled?(text: string): string
}

const type = (row: ColumnType): ColumnType => row

/** By the output function: a cast to text writes `/32` behind an address, and may run a function of anybody's. */
export const outputText = (value: string): string => `pg_catalog.format('%s', ${value})`

const plain = (value: string): string => `${value}::text`
const asJson = (value: string): string => `pg_catalog.to_json(${value})::text`
// the cast must be said: with an implicit cast of a stranger's to text, number || text is ambiguous
const inQuotes = (value: string): string => `'"' || ${value}::text || '"'`
const asText = (text: string): string => `(${text})::text`

const RFC3339 = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
const RFC3339_BC = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z" BC'`

/** `time` is a timestamp in UTC. Years before 1 have their own spelling, and infinity has no digits. */
const timeText = (value: string, time: string, zero: string): string =>
  `case when not pg_catalog.isfinite(${value}) then ${value}::text when ${value} >= '${zero}'
      then pg_catalog.to_char(${time}, ${RFC3339}) else pg_catalog.to_char(${time}, ${RFC3339_BC}) end`

/** What a text column takes beside texts: a uuid's text is one of its values. */
const text = type({
  kind: 'text',
  declare: 'z.string()',
  alsoHolds: ['uuid'],
  exact: 'always',
  operators: true,
  key: true,
})
const integer = type({
  kind: 'integer',
  declare: 'z.int32()',
  // beside text, kinds that travel as strings: a number in JSON would be a string in TypeScript
  alsoHolds: ['number', 'bigint', 'numeric'],
  exact: 'kind',
  key: true,
  operators: true,
})
const float = type({
  kind: 'number',
  declare: 'z.number()',
  alsoHolds: ['integer'],
  exact: 'number',
  operators: true,
  bySettings: true,
  json: asJson,
})
const json = type({ kind: 'json', declare: 'field.json()', notText: true, exact: 'kind', json: plain })
/** A text under rules of its own, read back as its output function writes it. */
const spelled = type({ kind: 'text', declare: 'z.string()', exact: 'stored', operators: true })

/** Every type of `pg_catalog` that is known, by its name there. */
export const columnTypes: Readonly<Record<string, ColumnType>> = {
  text: type({ ...text, json: asJson }),
  varchar: type({ ...text, json: asJson, value: asText }),
  bpchar: type({
    kind: 'text',
    declare: 'z.string()',
    exact: 'always',
    operators: true,
    json: asJson,
    value: asText,
  }),
  name: type({ ...spelled, json: asJson }),
  bool: type({
    kind: 'boolean',
    declare: 'z.boolean()',
    notText: true,
    exact: 'kind',
    operators: true,
    json: plain,
  }),
  // the cast keeps a process that has not noticed a change to bigint from writing numbers that JSON cannot hold
  int2: type({ ...integer, json: (value) => `${value}::int2::text` }),
  int4: type({ ...integer, json: (value) => `${value}::int4::text` }),
  int8: type({
    ...integer,
    kind: 'bigint',
    declare: 'field.bigint()',
    alsoHolds: ['numeric'],
    json: inQuotes,
  }),
  numeric: type({
    kind: 'numeric',
    declare: 'field.numeric()',
    alsoHolds: ['bigint'],
    exact: 'kind',
    operators: true,
    json: inQuotes,
  }),
  float4: float,
  float8: float,
  uuid: type({
    kind: 'uuid',
    declare: 'field.uuid()',
    exact: 'kind',
    key: true,
    operators: true,
    json: inQuotes,
  }),
  date: type({
    kind: 'date',
    declare: 'field.date()',
    exact: 'kind',
    operators: true,
    // to_json writes the same under every DateStyle
    json: asJson,
    text: (value) => `pg_catalog.to_json(${value}) #>> '{}'`,
  }),
  timestamptz: type({
    kind: 'timestamp',
    declare: 'field.timestamp()',
    exact: 'kind',
    operators: true,
    text: (value) => timeText(value, `${value} at time zone 'UTC'`, '0001-01-01 00:00:00+00'),
  }),
  timestamp: type({
    kind: 'timestamp',
    declare: 'field.timestamp()',
    exact: 'kind',
    operators: true,
    // without a zone: by convention of every ORM here the time is UTC
    text: (value) => timeText(value, value, '0001-01-01 00:00:00'),
    // a cast straight to timestamp would drop the offset in silence
    value: (sent) => `((${sent})::timestamptz at time zone 'UTC')`,
  }),
  time: type({
    ...spelled,
    spelled: (sent) =>
      `case when pg_catalog.length(${sent}) = 5 then ${sent} || ':00' when pg_catalog.strpos(${sent}, '.') > 0 then pg_catalog.rtrim(pg_catalog.rtrim(${sent}, '0'), '.') else ${sent} end`,
  }),
  timetz: type({
    ...spelled,
    // UTC, no seconds, zeros behind the second, an offset of whole hours: in the words of the output function
    spelled: (sent) =>
      [
        ['Z$', '+00'],
        ['^(..:..)([-+])', '\\1:00\\2'],
        ['(\\.[0-9]*[1-9])0+([-+])', '\\1\\2'],
        ['\\.0+([-+])', '\\1'],
        ['([-+][0-9]{2}):00$', '\\1'],
      ].reduce((text, [from, to]) => `pg_catalog.regexp_replace(${text}, '${from}', '${to}')`, sent),
  }),
  interval: type({ ...spelled, bySettings: true }),
  bytea: type({
    kind: 'bytes',
    declare: 'field.bytes()',
    exact: 'kind',
    operators: true,
    // encode() breaks lines after 76 characters
    text: (value) => `pg_catalog.translate(pg_catalog.encode(${value}, 'base64'), E'\\n', '')`,
    value: (sent) => `pg_catalog.decode(${sent}, 'base64')`,
  }),
  json,
  jsonb: type({ ...json, operators: true }),
  inet: spelled,
  cidr: spelled,
  macaddr: spelled,
  macaddr8: spelled,
  bit: spelled,
  varbit: spelled,
  oid: spelled,
  xid8: spelled,
  pg_lsn: spelled,
  tsvector: spelled,
  tsquery: spelled,
  int4range: spelled,
  int8range: spelled,
  numrange: type({ ...spelled, bySettings: true }),
  daterange: type({ ...spelled, bySettings: true }),
  tsrange: type({ ...spelled, bySettings: true }),
  int4multirange: spelled,
  int8multirange: spelled,
  nummultirange: type({ ...spelled, bySettings: true }),
  datemultirange: type({ ...spelled, bySettings: true }),
  tsmultirange: type({ ...spelled, bySettings: true }),
  tstzrange: type({ ...spelled, bySettings: true, text: zonedRange }),
}

/** An enum keeps its labels and nothing else. */
export const enumType: ColumnType = type({
  kind: 'text',
  declare: 'z.string()',
  exact: 'always',
  operators: true,
})

/**
 * Any other type: composite, geometric, of an extension. Its own input and output functions run and nothing else of
 * it: no operator, which may stand in a schema that the pinned search path does not name.
 */
export const otherType: ColumnType = type({
  kind: 'text',
  declare: 'z.string()',
  exact: 'stored',
  bySettings: true,
})

/** Types whose text goes by the time zone, which nothing here may change: of an array, its members. */
export const zonedTypes: readonly string[] = ['tstzmultirange']
export const zonedInArrays: readonly string[] = ['tstzrange', 'tstzmultirange']

/** Types that a key or a tenant may have. */
export const keyTypes: readonly string[] = Object.keys(columnTypes).filter((name) => columnTypes[name]?.key)

/** As Postgres writes it in a session whose time zone is UTC. */
function zonedRange(value: string): string {
  const bound = (side: string): string =>
    `coalesce('"' || (pg_catalog.${side}(${value}) at time zone 'UTC')::text || '+00"', '')`
  return `case when pg_catalog.isempty(${value}) then 'empty' when not pg_catalog.isempty(${value}) then
    case when pg_catalog.lower_inc(${value}) then '[' else '(' end || ${bound('lower')} || ',' || ${bound('upper')}
    || case when pg_catalog.upper_inc(${value}) then ']' else ')' end end`
}
