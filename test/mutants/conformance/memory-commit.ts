import type { CommitRequest, LogEntry, Operation, RowValue } from '../../../src/core/adapter.ts'
import { PosternError } from '../../../src/core/errors.ts'
import { timestampText } from '../../../src/core/rules/event.ts'
import { memoryMutant } from './memory-base.ts'
import type { Mutant } from './mutant.ts'

const withOperations = (
  request: CommitRequest,
  change: (operation: Operation) => Operation,
): CommitRequest => ({
  ...request,
  operations: request.operations.map(change),
})

const overwritten = (operation: Operation): Operation => ({ ...operation, onStale: 'overwrite' })

/** Of commits, their keys and their judgement. */
export const commitMutants: readonly Mutant[] = [
  memoryMutant({
    fault: 'references are not looked at',
    killedBy: 'TENANT-15',
    message: 'itemId must name a row that the tenant may see',
    transaction: () => ({ keep: async (_tenant, targets) => targets.map(() => true) }),
  }),
  memoryMutant({
    fault: 'rows outlive their parent',
    killedBy: 'TENANT-16',
    message: "another tenant's child must not be loaded",
    transaction: (real, memory) => ({
      apply: async (tenant, operation) => {
        const { type, model, id } = operation
        if (type !== 'DELETE' || model.name !== 'items' || id === null) return real.apply(tenant, operation)
        const row = memory.tables.visible(tenant, { model, id })
        if (row !== null) memory.tables.set({ model, id }, undefined, [])
        return row
      },
    }),
  }),
  memoryMutant({
    fault: 'there is no ledger',
    killedBy: 'IDEM-01',
    message: 'a replay must give the original bytes',
    transaction: () => ({ reserve: async () => null, complete: async () => {} }),
  }),
  memoryMutant({
    fault: 'the ledger entry is written outside the transaction, before the outcome is known',
    killedBy: 'IDEM-08',
    message: 'the commit must have been applied',
    transaction: (real, memory) => ({
      reserve: async (tenant, key) => {
        const found = await real.reserve(tenant, key)
        if (found !== null) return { ...found, intent: intents.get(key) ?? found.intent }
        // not undone when the commit fails
        const body = '{"rows":[],"stamps":[]}'
        memory.ledger.set(JSON.stringify([tenant, key]), {
          tenant,
          key,
          intent: '',
          intentHash: null,
          body,
          at: new Date(),
        })
        return null
      },
    }),
    adapter: (real) => ({
      commit: (request) => {
        intents.set(request.idempotencyKey, request.intent)
        return real.commit(request)
      },
    }),
  }),
  memoryMutant({
    fault: 'the intent is ignored: whatever comes under a used key is a replay',
    killedBy: 'IDEM-03',
    message: 'another intent under a used key must be a conflict',
    adapter: (real) => ({ commit: (request) => real.commit({ ...request, intent: '', intentHash: null }) }),
  }),
  memoryMutant({
    fault: "the caller's intentHash is trusted alone",
    killedBy: 'IDEM-05',
    message: "the caller's hash alone must not make a replay",
    adapter: (real) => ({
      commit: (request) => real.commit({ ...request, intent: request.intentHash ?? request.intent }),
    }),
  }),
  memoryMutant({
    fault: "the caller's intentHash is not looked at",
    killedBy: 'IDEM-06',
    message: 'another hash of the caller must be a conflict',
    adapter: (real) => ({ commit: (request) => real.commit({ ...request, intentHash: null }) }),
  }),
  memoryMutant({
    fault: 'keys are not scoped to the tenant',
    killedBy: 'IDEM-07',
    message: "another tenant's use of a key must be no conflict",
    transaction: (real) => ({
      reserve: (_tenant, key) => real.reserve(null, key),
      complete: (entry) => real.complete({ ...entry, tenant: null }),
    }),
  }),
  memoryMutant({
    fault: 'a replay reads the row as it is now',
    killedBy: 'IDEM-02',
    message: 'a replay must give the original answer, not the row as it is now',
    adapter: (real) => ({
      commit: async (request) => {
        const answer = await real.commit(request)
        const [operation] = request.operations
        if (!answer.replayed || operation?.id == null) return answer
        const loaded = JSON.parse(await real.load({ ...request, model: operation.model, id: operation.id }))
        return { ...answer, body: JSON.stringify({ rows: [loaded.row], stamps: [loaded.stamp] }) }
      },
    }),
  }),
  memoryMutant({
    fault: 'a refused commit burns its key',
    killedBy: 'IDEM-09',
    message: 'the key of a refused commit must be free for another intent',
    adapter: (real) => {
      const burnt = new Map<string, string>()
      return {
        commit: async (request) => {
          const intent = burnt.get(request.idempotencyKey) ?? request.intent
          if (intent !== request.intent) throw new PosternError('idempotency_conflict')
          burnt.set(request.idempotencyKey, request.intent)
          return real.commit(request)
        },
      }
    },
  }),
  memoryMutant({
    fault: 'nothing is undone when a commit fails',
    killedBy: 'COMMIT-05',
    message: 'a refused commit must leave no row in the store',
    store: (real) => ({
      transaction: async (work) => {
        let failure: { error: unknown } | undefined
        const result = await real.transaction((tx) =>
          work(tx).catch((error: unknown) => {
            failure = { error }
            return undefined as never
          }),
        )
        if (failure !== undefined) throw failure.error
        return result
      },
    }),
  }),
  memoryMutant({
    fault: 'answers stand in the order of the table',
    killedBy: 'COMMIT-01',
    message: 'rows must stand in the order of the operations',
    adapter: (real) => ({
      commit: async (request) => {
        const answer = await real.commit(request)
        const body = JSON.parse(answer.body) as { rows: RowValue[] }
        body.rows.sort((one, other) => (String(one?.id) < String(other?.id) ? -1 : 1))
        return { ...answer, body: JSON.stringify(body) }
      },
    }),
  }),
  memoryMutant({
    fault: 'an update of a missing row makes one',
    killedBy: 'OUTCOME-05',
    message: 'an update of a missing row must be refused',
    transaction: (real) => ({
      lock: async (tenant, targets) => (await real.lock(tenant, targets)).map((row) => row ?? {}),
      apply: async (tenant, operation) =>
        (await real.apply(tenant, operation)) ?? real.apply(tenant, { ...operation, type: 'CREATE' }),
    }),
  }),
  memoryMutant({
    fault: 'a create over a present row replaces it',
    killedBy: 'OUTCOME-03',
    message: 'a create over a present row must be refused',
    transaction: (real) => ({
      apply: async (tenant, operation) =>
        (operation.type === 'CREATE' && operation.id !== null
          ? await real.apply(tenant, { ...operation, type: 'UPDATE' })
          : null) ?? real.apply(tenant, operation),
    }),
  }),
  memoryMutant({
    fault: 'an update sets what it was not sent to null',
    killedBy: 'OUTCOME-04',
    message: 'a field that was not sent must keep its value',
    transaction: (real) => ({
      apply: (tenant, operation) =>
        real.apply(
          tenant,
          operation.type === 'UPDATE'
            ? { ...operation, input: { rank: null, ...operation.input } }
            : operation,
        ),
    }),
  }),
  memoryMutant({
    fault: 'a delete answers the bare id',
    killedBy: 'OUTCOME-07',
    message: 'a delete must answer the row as it was',
    transaction: (real) => ({
      apply: async (tenant, operation) => {
        const row = await real.apply(tenant, operation)
        return operation.type === 'DELETE' && row !== null ? { id: row.id } : row
      },
    }),
  }),
  memoryMutant({
    fault: 'a second archive moves the time',
    killedBy: 'OUTCOME-09',
    message: 'archiving twice must keep the first time',
    transaction: (real) => ({
      apply: async (tenant, operation) => {
        if (operation.type === 'ARCHIVE') await real.apply(tenant, { ...operation, type: 'UNARCHIVE' })
        return real.apply(tenant, operation)
      },
    }),
  }),
  memoryMutant({
    fault: 'the touch field is set by creates only',
    killedBy: 'OUTCOME-13',
    message: 'an update must touch the row',
    transaction: (real) => ({
      apply: async (tenant, operation) => {
        if (operation.type !== 'UPDATE' || operation.id === null) return real.apply(tenant, operation)
        const [before] = await real.lock(tenant, [{ model: operation.model, id: operation.id }])
        return real.apply(tenant, {
          ...operation,
          input: { updatedAt: before?.updatedAt, ...operation.input },
        })
      },
    }),
  }),
  memoryMutant({
    fault: 'only the first missing row is told',
    killedBy: 'OUTCOME-12',
    message: 'the details must list every missing row and no other',
    adapter: (real) => ({
      commit: (request) =>
        real.commit(request).catch((error: unknown) => Promise.reject(firstOnly(error, 'entity_not_found'))),
    }),
  }),
  memoryMutant({
    fault: 'only the first stale operation is told',
    killedBy: 'STALE-15',
    message: 'all of them must be told at once',
    adapter: (real) => ({
      commit: (request) =>
        real.commit(request).catch((error: unknown) => Promise.reject(firstOnly(error, 'stale_context'))),
    }),
  }),
  memoryMutant({
    fault: 'readAt is not looked at',
    killedBy: 'STALE-02',
    message: 'a decision on an old state must be refused',
    adapter: (real) => ({ commit: (request) => real.commit(withOperations(request, overwritten)) }),
  }),
  memoryMutant({
    fault: 'readAt is compared by the clock of the row',
    killedBy: 'STALE-19',
    message: 'a row that changed and changed back has changed',
    transaction: (real, memory) => ({
      changesSince: async (tenant, target, position) => {
        const read = memory.changes.entries.find((entry) => entry.position === position)
        const changes = await real.changesSince(tenant, target, position)
        return changes.filter(({ data }) => String(data.updatedAt) > String(read?.data.updatedAt))
      },
    }),
  }),
  memoryMutant({
    fault: 'staleness compares values: a row that changed back has not changed',
    killedBy: 'STALE-19',
    message: 'a row that changed and changed back has changed',
    transaction: (real, memory) => ({
      changesSince: async (tenant, target, position) => {
        const changes = await real.changesSince(tenant, target, position)
        const read = memory.changes.entries.find((entry) => entry.position === position)
        const same = JSON.stringify(read?.data) === JSON.stringify(changes.at(-1)?.data)
        return same ? [] : changes
      },
    }),
  }),
  memoryMutant({
    fault: 'merge does not look at the fields',
    killedBy: 'STALE-07',
    message: 'a merge into a field that changed since must be refused',
    adapter: (real) => ({
      commit: (request) =>
        real.commit(withOperations(request, (one) => (one.onStale === 'merge' ? overwritten(one) : one))),
    }),
  }),
  memoryMutant({
    fault: 'merge looks at the last change only',
    killedBy: 'STALE-08',
    message: 'a field that any change since has written must be refused',
    transaction: (real) => ({
      changesSince: async (tenant, target, position) =>
        (await real.changesSince(tenant, target, position)).slice(-1),
    }),
  }),
  memoryMutant({
    fault: 'notify applies and notifies',
    killedBy: 'STALE-05',
    message: 'the operation that was held back must be null among the rows, and the rest be applied',
    adapter: (real) => ({
      commit: (request) =>
        real.commit(withOperations(request, (one) => (one.onStale === 'notify' ? overwritten(one) : one))),
    }),
  }),
  memoryMutant({
    fault: 'a deleted row is missing, not stale',
    killedBy: 'STALE-11',
    message: 'a decision on a row that is gone must be told so',
    transaction: (real) => ({
      changesSince: async (tenant, target, position) => {
        const [row] = await real.lock(tenant, [target])
        return row === null ? [] : real.changesSince(tenant, target, position)
      },
    }),
  }),
  memoryMutant({
    fault: 'the log of a row is found by its id alone, whatever the model',
    killedBy: 'STALE-14',
    message: "only the row's own changes count",
    transaction: (_real, memory) => ({
      changesSince: async (_tenant, target, position) =>
        memory.changes.entries.filter((entry) => entry.entityId === target.id && entry.position > position),
    }),
  }),
  memoryMutant({
    fault: 'the log of a row is found by its model',
    killedBy: 'STALE-25',
    message: 'a change through another model of the table must make stale',
    transaction: (_real, memory) => ({
      changesSince: async (_tenant, { model, id }, position) =>
        memory.changes.entries.filter(
          (entry) => entry.model === model.name && entry.entityId === id && entry.position > position,
        ),
    }),
  }),
  memoryMutant({
    fault: 'a stamp is that of the last change through the model that asks',
    killedBy: 'STALE-25',
    message: 'both models must show one row with one stamp',
    store: (real, memory) => ({
      read: async (tenant, target) => ({
        ...(await real.read(tenant, target)),
        stamp:
          memory.changes.entries.findLast(
            ({ model, entityId }) => model === target.model.name && entityId === target.id,
          )?.position ?? 0,
      }),
    }),
  }),
  memoryMutant({
    fault: 'pruning is done before readAt is judged, and forgets the last change of a row',
    killedBy: 'STALE-22',
    message: 'pruning must not make a stale decision fresh',
    transaction: (real, memory) => ({
      changesSince: async (tenant, target, position) =>
        (await real.changesSince(tenant, target, position)).filter(
          (entry) => entry.position > memory.changes.prunedThrough,
        ),
    }),
  }),
  memoryMutant({
    fault: 'pruning is not remembered: merge takes what is left for all there was',
    killedBy: 'STALE-23',
    message: 'what is not known cannot be merged with',
    transaction: () => ({ prunedThrough: async () => 0 }),
  }),
  memoryMutant({
    fault: 'who made a change is not kept',
    killedBy: 'STALE-20',
    message: 'the participant of the last change must be told',
    transaction: (real) => ({
      append: (entries) => real.append(entries.map((entry) => ({ ...entry, participantId: null }))),
    }),
  }),
  memoryMutant({
    fault: 'an event is left by a row that is rolled back',
    killedBy: 'FEED-07',
    message: 'only committed changes may appear',
    transaction: (real, memory) => ({
      apply: async (tenant, operation) => {
        const row = await real.apply(tenant, operation)
        // into the log at once, past the journal of the transaction
        if (row !== null) memory.changes.append(entryOf(tenant, operation, row), [])
        return row
      },
      append: async (entries) =>
        memory.changes.entries.slice(-entries.length).map(({ position }) => position),
    }),
  }),
  memoryMutant({
    fault: 'events are written after the commit',
    killedBy: 'FEED-01',
    message: 'there must be one event for each operation, with the stamp that the commit answered',
    transaction: (_real, memory) => ({
      append: async (entries) => {
        setTimeout(() => {
          for (const entry of entries) memory.changes.append(entry, [])
        }, 50)
        return entries.map((_, at) => memory.changes.lastPosition + at + 1)
      },
    }),
  }),
]

const intents = new Map<string, string>()

function firstOnly(error: unknown, code: string): unknown {
  if (!(error instanceof PosternError) || error.code !== code) return error
  const operations = (error.details?.operations ?? []) as unknown[]
  return new PosternError(error.code, undefined, { details: { operations: operations.slice(0, 1) } })
}

function entryOf(tenant: string | null, { type, model, id }: Operation, data: RowValue): LogEntry {
  return {
    position: 0,
    model: model.name,
    entityId: id ?? String(data.id),
    type,
    tenant,
    data,
    changed: null,
    idempotencyKey: 'early',
    keyScope: null,
    index: 0,
    transactionId: null,
    participantId: null,
    participantKind: null,
    occurredAt: timestampText(new Date()),
  }
}
