import type { Condition, ListRequest, Operation, RowValue, Store } from '../../../src/core/adapter.ts'
import { PosternError } from '../../../src/core/errors.ts'
import { engineMutant } from './engine-base.ts'
import { memoryMutant } from './memory-base.ts'
import type { Mutant } from './mutant.ts'
import { onBody, wireMutant } from './wire.ts'

type Found = Awaited<ReturnType<Store['query']>>

/** Rows that are kept, with their stamps. */
function picked(found: Found, places: readonly number[]): Found {
  return {
    rows: places.map((at) => found.rows[at] as RowValue),
    stamps: places.map((at) => found.stamps[at] as number),
    stamp: found.stamp,
  }
}

const everyPlace = (found: Found): number[] => found.rows.map((_, at) => at)

/** Stores an input in another form than it was sent. */
const storing = (
  change: (input: Readonly<Record<string, unknown>>, operation: Operation) => Record<string, unknown>,
) => ({
  transaction: (real: { apply(tenant: string | null, operation: Operation): Promise<RowValue | null> }) => ({
    apply: (tenant: string | null, operation: Operation) =>
      real.apply(tenant, {
        ...operation,
        input: { ...operation.input, ...change(operation.input, operation) },
      }),
  }),
})

/** Asks for more than a page, so that conditions can be judged anew. */
const unlimited = (request: ListRequest, where: readonly Condition[]): ListRequest => ({
  ...request,
  where,
  limit: 10_000,
  after: undefined,
})

/** Of the feed, of lists and of values. */
export const readMutants: readonly Mutant[] = [
  memoryMutant({
    fault: 'an event is lost where two pages meet',
    killedBy: 'FEED-03',
    message: 'pages of 1 must hold what one large page holds',
    store: (real) => ({
      log: (tenant, position, limit) => real.log(tenant, position && position + 1, limit),
    }),
  }),
  memoryMutant({
    fault: 'the last event of a page is the first of the next',
    killedBy: 'FEED-04',
    message: 'a page with events must have a nextCursor behind them',
    store: (real) => ({
      log: (tenant, position, limit) => real.log(tenant, Math.max(0, position - 1), limit),
    }),
  }),
  memoryMutant({
    fault: 'a page of the feed stands in the order of models',
    killedBy: 'FEED-06',
    message: 'events must stand in the order of their stamps',
    adapter: (real) => ({
      events: async (request) => {
        const page = JSON.parse(await real.events(request)) as { events: { model: string }[] }
        page.events.sort((one, other) => (one.model < other.model ? -1 : 1))
        return JSON.stringify(page)
      },
    }),
  }),
  memoryMutant({
    fault: 'the feed shows the events of all tenants',
    killedBy: 'FEED-11',
    message: 'the feed of one tenant must be its own',
    store: (real) => ({ log: (_tenant, position, limit) => real.log(null, position, limit) }),
  }),
  memoryMutant({
    fault: 'a change is told under the model that wrote it alone',
    killedBy: 'FEED-22',
    message: 'each change must be told under each model, whichever of them wrote it',
    store: (real, memory) => ({
      log: async (tenant, position, limit) => {
        const page = await real.log(tenant, position, limit)
        const writers = new Map(memory.changes.entries.map((entry) => [entry.position, entry.model]))
        return {
          ...page,
          entries: page.entries.filter((entry) => writers.get(entry.position) === entry.model),
        }
      },
    }),
  }),
  memoryMutant({
    fault: 'feed cursors are not bound to a tenant',
    killedBy: 'FEED-12',
    message: "another tenant's cursor must be refused",
    adapter: (real) => ({
      events: async (request) => {
        const page = JSON.parse(await real.events({ ...request, tenant: null })) as {
          events: { organizationId?: string }[]
        }
        const own = page.events.filter((event) => (event.organizationId ?? request.tenant) === request.tenant)
        return JSON.stringify({ ...page, events: own })
      },
    }),
  }),
  memoryMutant({
    fault: 'acknowledgements of the feed are dropped',
    killedBy: 'FEED-21',
    message: 'an acknowledgement of a cursor that was never issued must be refused',
    adapter: (real) => ({ events: ({ acknowledgedThrough, ...request }) => real.events(request) }),
  }),
  memoryMutant({
    fault: 'an event shows the row as it is now',
    killedBy: 'FEED-14',
    message: 'later changes must not reach into an event',
    adapter: (real, memory) => ({
      events: async (request) => {
        const page = JSON.parse(await real.events(request)) as {
          events: { model: string; entityId: string; data: unknown }[]
        }
        for (const event of page.events) {
          event.data =
            memory.tables.get({ model: memory.tables.model(event.model), id: event.entityId })?.row ?? null
        }
        return JSON.stringify(page)
      },
    }),
  }),
  memoryMutant({
    fault: 'a follower below the pruning mark is not told',
    killedBy: 'FEED-17',
    message: 'a follower that missed something must be told',
    store: () => ({ retainedFrom: async () => 0 }),
  }),
  memoryMutant({
    fault: 'LIKE is not anchored',
    killedBy: 'QUERY-06',
    message: '["title","LIKE","apple"] must find the rows that fit',
    store: (real) => ({
      query: (request) =>
        real.query({
          ...request,
          where: request.where.map((one) =>
            'field' in one && one.operator === 'LIKE' ? { ...one, value: `%${one.value}%` } : one,
          ),
        }),
    }),
  }),
  memoryMutant({
    fault: 'of several conditions on one field the last wins',
    killedBy: 'QUERY-02',
    message: 'two conditions on one field must both hold',
    store: (real) => ({
      query: (request) => {
        const last = new Map(request.where.map((one) => ['field' in one ? one.field.name : one, one]))
        return real.query({ ...request, where: [...last.values()] })
      },
    }),
  }),
  memoryMutant({
    fault: '!= finds missing values too',
    killedBy: 'QUERY-03',
    message: '["rank","!=",5] must find the rows that fit',
    store: (real) => ({
      query: async (request) => {
        const unequal = request.where.flatMap((one) => ('field' in one && one.operator === '!=' ? [one] : []))
        if (unequal.length === 0) return real.query(request)
        const found = await real.query(
          unlimited(
            request,
            request.where.filter((one) => !unequal.some((other) => other === one)),
          ),
        )
        const fit = everyPlace(found).filter((at) =>
          unequal.every(({ field, value }) => found.rows[at]?.[field.name] !== value),
        )
        return picked(found, fit)
      },
    }),
  }),
  memoryMutant({
    fault: 'not finds missing values too',
    killedBy: 'QUERY-28',
    message: '{"not":["rank","=",5]} must find the rows that fit',
    store: (real) => ({
      query: (request) =>
        real.query({
          ...request,
          where: request.where.map((one) =>
            'not' in one && 'field' in one.not
              ? { or: [one, { field: one.not.field, operator: 'IS', value: null }] }
              : one,
          ),
        }),
    }),
  }),
  memoryMutant({
    fault: 'of the conditions of an or only the first is looked at',
    killedBy: 'QUERY-28',
    message: '{"or":[["rank","=",5],["rank","=",6]]} must find the rows that fit',
    store: (real) => ({
      query: (request) =>
        real.query({
          ...request,
          where: request.where.map((one) => ('or' in one ? { or: one.or.slice(0, 1) } : one)),
        }),
    }),
  }),
  memoryMutant({
    fault: 'the text of STARTS WITH is a pattern',
    killedBy: 'QUERY-29',
    message: '["title","STARTS WITH","100%"] must find the rows that fit',
    store: (real) => ({
      query: (request) =>
        real.query({
          ...request,
          where: request.where.map((one) =>
            'field' in one && one.operator === 'STARTS WITH'
              ? { ...one, operator: 'LIKE', value: `${one.value}%` }
              : one,
          ),
        }),
    }),
  }),
  engineMutant({
    fault: 'CONTAINS looks into the text of the array',
    killedBy: 'QUERY-30',
    message: 'the whole member must fit',
    plants: [
      {
        find: /(t\."?tags"?) operator\(pg_catalog\.@>\) array\[(\$\d+::text)\]::text\[\]/,
        put: 'position($2 in $1::text) > 0',
      },
    ],
  }),
  wireMutant({
    fault: 'joined conditions above the limit are dropped',
    killedBy: 'QUERY-25',
    message: 'must be refused',
    answer: onBody((body) => {
      const query = body.query as { where?: { or?: unknown[] }[] } | undefined
      const or = query?.where?.[0]?.or
      return or !== undefined && or.length > 50
        ? { ...body, query: { ...query, where: [{ or: or.slice(0, 40) }] } }
        : body
    }),
  }),
  memoryMutant({
    fault: 'select is not looked at',
    killedBy: 'QUERY-26',
    message: 'the fields that were chosen must come, and no other',
    adapter: (real) => ({ list: ({ select: _, ...request }) => real.list(request) }),
  }),
  memoryMutant({
    fault: 'the total is of all tenants',
    killedBy: 'QUERY-27',
    message: 'every page must have the number of all rows',
    store: (real) => ({
      count: async (request) =>
        (await real.query({ ...unlimited(request, request.where), tenant: null })).rows.length,
    }),
  }),
  memoryMutant({
    fault: 'the total is what is left from this page on',
    killedBy: 'QUERY-27',
    message: 'every page must have the number of all rows',
    store: (real) => ({
      count: async (request) => (await real.query({ ...request, limit: 1_000 })).rows.length,
    }),
  }),
  memoryMutant({
    fault: 'IN of nothing is no condition',
    killedBy: 'QUERY-05',
    message: 'IN of nothing must find nothing',
    store: (real) => ({
      query: (request) =>
        real.query({
          ...request,
          where: request.where.filter(
            (one) => !('field' in one) || one.operator !== 'IN' || (one.value as unknown[]).length > 0,
          ),
        }),
    }),
  }),
  memoryMutant({
    fault: 'the cursor of a list is ignored',
    killedBy: 'QUERY-12',
    message: 'the second page must go on, under the same conditions',
    store: (real) => ({ query: (request) => real.query({ ...request, after: undefined }) }),
  }),
  memoryMutant({
    fault: 'pages go on by the order field alone, and lose what ties',
    killedBy: 'QUERY-11',
    message: 'pages of 1 by rank asc must hold every row once, in order',
    store: (real) => ({
      query: async (request) => {
        const { after, orderBy, model, limit } = request
        if (after === undefined || orderBy === model.primaryKey) return real.query(request)
        const found = await real.query(unlimited(request, request.where))
        const start = found.rows.findIndex((row) => String(row[model.primaryKey.name]) === after.id)
        const rest = everyPlace(found).filter(
          (at) => at > start && found.rows[at]?.[orderBy.name] !== after.value,
        )
        return picked(found, rest.slice(0, limit + 1))
      },
    }),
  }),
  memoryMutant({
    fault: 'a page is not ordered',
    killedBy: 'QUERY-09',
    message: 'rows must rise, ties by key',
    store: (real) => ({
      query: (request) => real.query({ ...request, orderBy: request.model.primaryKey }),
    }),
  }),
  memoryMutant({
    fault: 'missing values come first in ascending order',
    killedBy: 'QUERY-10',
    message: 'nulls must be last when rising',
    store: (real) => ({
      query: async (request) => {
        const found = await real.query(request)
        const missing = (at: number): boolean => found.rows[at]?.[request.orderBy.name] === null
        const places = everyPlace(found)
        const nullsFirst = [...places.filter(missing), ...places.filter((at) => !missing(at))]
        return picked(found, request.order === 'asc' ? nullsFirst : places)
      },
    }),
  }),
  memoryMutant({
    fault: "a list gives each row the list's stamp",
    killedBy: 'QUERY-16',
    message: "a list's stamps must be those of its rows, in their order",
    store: (real) => ({
      query: async (request) => {
        const found = await real.query(request)
        return { ...found, stamps: found.stamps.map(() => found.stamp) }
      },
    }),
  }),
  memoryMutant({
    fault: 'a list embeds related rows of every tenant',
    killedBy: 'TENANT-12',
    message: 'only own rows may be embedded',
    store: (real, memory) => ({
      query: async (request) => {
        const found = await real.query(request)
        const rows = found.rows.map((row) => {
          const embedded = { ...row }
          for (const { name, relation, model } of request.related) {
            if (relation.type !== 'hasMany') continue
            const all = [...memory.tables.all(model).values()].map((stored) => stored.row)
            embedded[name] = all.filter((one) => one[relation.field] === row.id)
          }
          return embedded
        })
        return { ...found, rows }
      },
    }),
  }),
  memoryMutant({
    fault: "a load finds every tenant's rows",
    killedBy: 'TENANT-01',
    message: "another tenant's row must not be loaded",
    store: (real, memory) => ({
      read: async (tenant, target) => ({
        ...(await real.read(tenant, target)),
        row: memory.tables.get(target)?.row ?? null,
      }),
    }),
  }),
  memoryMutant({
    fault: "a row's stamp shows another tenant's changes",
    killedBy: 'TENANT-13',
    message: "another tenant's row must have no stamp",
    store: (real, memory) => ({
      read: async (tenant, target) => ({
        ...(await real.read(tenant, target)),
        stamp: memory.changes.entries.findLast(({ entityId }) => entityId === target.id)?.position ?? 0,
      }),
    }),
  }),
  memoryMutant({
    fault: 'bigint is rounded to a double',
    killedBy: 'VALUE-01',
    message: 'big "9007199254740993" must come back exactly from a commit',
    ...storing(({ big }) => (typeof big === 'string' ? { big: BigInt(Number(big)).toString() } : {})),
  }),
  memoryMutant({
    fault: 'numeric goes through a double',
    killedBy: 'VALUE-02',
    message: 'exact "1.50" must come back exactly from a commit',
    ...storing(({ exact }) => (typeof exact === 'string' ? { exact: String(Number(exact)) } : {})),
  }),
  memoryMutant({
    fault: 'microseconds are lost in a Date',
    killedBy: 'VALUE-03',
    message: 'at "2026-01-02T03:04:05.123456Z" must come back exactly from a commit',
    ...storing(({ at }) => (typeof at === 'string' ? { at: new Date(at).toISOString() } : {})),
  }),
  memoryMutant({
    fault: 'a scalar is refused as jsonb',
    killedBy: 'VALUE-06',
    message: 'a proper request must succeed',
    ...storing(({ doc }) => {
      if (doc != null && typeof doc !== 'object') throw new PosternError('source_commit_invalid')
      return {}
    }),
  }),
  memoryMutant({
    fault: 'a JSON array is stored as text',
    killedBy: 'VALUE-05',
    message: 'doc [] must come back exactly from a commit',
    ...storing(({ doc }) => (Array.isArray(doc) ? { doc: JSON.stringify(doc) } : {})),
  }),
  memoryMutant({
    fault: 'the empty text is stored as null',
    killedBy: 'VALUE-16',
    message: 'null must be found as null alone',
    ...storing(({ text }) => (text === '' ? { text: null } : {})),
  }),
  memoryMutant({
    fault: 'text is trimmed',
    killedBy: 'VALUE-15',
    message: 'the text " " must come back exactly from a commit',
    ...storing(({ text }) => (typeof text === 'string' ? { text: text.trim() } : {})),
  }),
  memoryMutant({
    fault: 'a value reads back right and is stored wrong',
    killedBy: 'VALUE-22',
    message: 'the store must hold what was sent',
    ...storing(({ text }) => (typeof text === 'string' ? { text: btoa(encodeURIComponent(text)) } : {})),
    adapter: (real) => {
      const restored = (body: string): string =>
        body.replaceAll(
          /"text":"([A-Za-z0-9+/=]+)"/g,
          (_, coded: string) => `"text":${JSON.stringify(decodeURIComponent(atob(coded)))}`,
        )
      return {
        load: async (request) => restored(await real.load(request)),
        commit: async (request) => {
          const answer = await real.commit(request)
          return { ...answer, body: restored(answer.body) }
        },
      }
    },
  }),
  memoryMutant({
    fault: 'a column that the schema does not name is answered',
    killedBy: 'FIELD-09',
    message: "the table's other columns must stay unseen",
    adapter: (real) => ({
      load: async (request) => {
        const body = JSON.parse(await real.load(request)) as { row: RowValue | null }
        return JSON.stringify({ ...body, row: body.row && { ...body.row, organization_id: request.tenant } })
      },
    }),
  }),
]
