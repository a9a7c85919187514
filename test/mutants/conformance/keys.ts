import type { Store } from '../../../src/core/adapter.ts'
import { memoryMutant } from './memory-base.ts'
import type { Mutant } from './mutant.ts'
import { onBody, onOperations, wireMutant } from './wire.ts'

/** The first part of a key of several fields. */
const firstOf = (id: string): string => (JSON.parse(id) as string[])[0] as string

const isPair = (id: unknown): id is string => typeof id === 'string' && id.startsWith('["')

/** Of keys of several fields. */
export const keyMutants: readonly Mutant[] = [
  wireMutant({
    fault: 'an id is compared with its key as it was spelt',
    killedBy: 'KEY-01',
    message: 'and under ',
    answer: onBody((body) =>
      body.model === 'pairs' && String(body.id).startsWith(' ') ? { ...body, id: '["none","none"]' } : body,
    ),
  }),
  memoryMutant({
    fault: 'an event names its row by the first field of the key',
    killedBy: 'KEY-02',
    message: 'each event must name its row by the array of its key',
    store: (real) => ({
      log: async (tenant, position, limit) => {
        const page = await real.log(tenant, position, limit)
        const entries = page.entries.map((entry) =>
          isPair(entry.entityId) ? { ...entry, entityId: firstOf(entry.entityId) } : entry,
        )
        return { ...page, entries }
      },
    }),
  }),
  memoryMutant({
    fault: 'changes are looked up by the first field of the key',
    killedBy: 'KEY-02',
    message: 'a change of one row must not make a decision on another stale',
    transaction: (real, store) => ({
      changesSince: async (tenant, target, position) =>
        isPair(target.id)
          ? store.changes.entries.filter(
              (entry) =>
                entry.position > position &&
                isPair(entry.entityId) &&
                firstOf(entry.entityId) === firstOf(target.id),
            )
          : real.changesSince(tenant, target, position),
    }),
  }),
  wireMutant({
    fault: 'the parts of a key may stand side by side, with a comma between them',
    killedBy: 'KEY-03',
    message: 'must not name a row',
    answer: onBody((body) => {
      const parts = body.model === 'pairs' && body.type === 'load' ? String(body.id).split(',') : []
      return parts.length === 2 && !isPair(body.id) ? { ...body, id: JSON.stringify(parts) } : body
    }),
  }),
  memoryMutant({
    fault: 'the next page begins behind the first field of the key',
    killedBy: 'KEY-04',
    message: 'must hold every row once',
    store: (real): Partial<Store> => ({
      query: async (request) => {
        const found = await real.query(request)
        const { after } = request
        if (after === undefined || !isPair(after.id)) return found
        const places = found.rows.flatMap((row, place) => (row.itemId === firstOf(after.id) ? [] : [place]))
        return {
          ...found,
          rows: places.map((place) => found.rows[place] ?? {}),
          stamps: places.map((place) => found.stamps[place] ?? 0),
        }
      },
    }),
  }),
  wireMutant({
    fault: 'a field of the key in an UPDATE is dropped in silence',
    killedBy: 'KEY-05',
    message: 'another value must be refused',
    answer: onOperations((operation) => {
      if (operation.model !== 'pairs' || operation.type !== 'UPDATE') return operation
      const { itemId: _itemId, tag: _tag, ...input } = operation.input as Record<string, unknown>
      return { ...operation, input }
    }),
  }),
  memoryMutant({
    fault: 'a row under a key of several fields is everybody’s',
    killedBy: 'KEY-06',
    message: "another tenant's row must not be seen",
    store: (real, store) => ({
      read: async (tenant, target) => ({
        ...(await real.read(tenant, target)),
        ...(isPair(target.id) && { row: store.tables.get(target)?.row ?? null }),
      }),
    }),
  }),
]
