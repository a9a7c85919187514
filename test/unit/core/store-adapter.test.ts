import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../../../src/adapters/memory/store.ts'
import type { StoreTransaction } from '../../../src/core/adapter.ts'
import { PosternError } from '../../../src/core/errors.ts'
import { storeAdapter } from '../../../src/core/rules/store-adapter.ts'
import { callerOf, create, refusal, schema, update } from './commit-support.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** A store in memory whose transactions pass through `watch` first. */
function watchedStore(watch: (tx: StoreTransaction) => StoreTransaction): MemoryStore {
  class WatchedStore extends MemoryStore {
    override transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T> {
      return super.transaction((tx) => work(watch(tx)))
    }
  }
  return new WatchedStore(schema, { now: () => new Date(), ledgerRetentionMs: DAY_MS })
}

describe('stores', () => {
  const setting = create('settings', 's', { value: 'x' })

  test('what a store objects to is answered with names and never with its values', async () => {
    const store = watchedStore((tx) => ({
      ...tx,
      apply: async () => {
        const details = { constraint: 'c', field: 'value', detail: 'Key (value)=(secret) already exists.' }
        throw new PosternError('unique_violation', undefined, { details })
      },
    }))
    const error = await refusal(callerOf(storeAdapter(schema, store), null).commit('k', [setting]))
    expect(error.details).toEqual({ index: 0, model: 'settings', id: 's', constraint: 'c', field: 'value' })
  })

  test('a create that comes to nothing is an error, and any other fault passes through as it is', async () => {
    const suppressed = watchedStore((tx) => ({ ...tx, apply: async () => null }))
    const error = await refusal(callerOf(storeAdapter(schema, suppressed), null).commit('k', [setting]))
    expect([error.code, error.details]).toEqual([
      'constraint_violation',
      { index: 0, model: 'settings', id: 's' },
    ])
    const fault = new Error('the disk is gone')
    const broken = watchedStore((tx) => ({ ...tx, apply: () => Promise.reject(fault) }))
    await expect(callerOf(storeAdapter(schema, broken), null).commit('k', [setting])).rejects.toBe(fault)
  })

  test('rows travel with exactly the fields of the schema, in its order', async () => {
    const store = watchedStore((tx) => ({
      ...tx,
      apply: async () => ({ password: 'secret', settings: { a: 1 }, id: 'p' }),
    }))
    const { body } = await callerOf(storeAdapter(schema, store)).commitText('k', [
      create('projects', 'p', { name: 'x' }),
    ])
    expect(body).toBe('{"rows":[{"id":"p","name":null,"budget":null,"settings":{"a":1}}],"stamps":[1]}')
  })
})

describe('locks', () => {
  test('every commit asks for the same rows in the same order, whatever order its operations have', async () => {
    const asked: string[][] = []
    const store = watchedStore((tx) => ({
      ...tx,
      lock: (tenant, targets) => {
        asked.push(targets.map(({ model, id }) => `${model.name} ${id}`))
        return tx.lock(tenant, targets)
      },
    }))
    const watching = callerOf(storeAdapter(schema, store))
    const operations = [
      update('tasks', '😀', {}),
      update('tasks', '～', {}),
      create('tasks', 'made', { projectId: 'p', title: 'made' }),
      update('tasks', 'made', {}),
      update('counters', '10', {}),
      update('tasks', '～', {}),
      update('tasks', 'b', {}),
    ]
    await refusal(watching.commit('k1', operations))
    await refusal(watching.commit('k2', [...operations].reverse()))
    expect(asked[0]).toEqual(['counters 10', 'tasks b', 'tasks ～', 'tasks 😀'])
    expect(asked[1]).toEqual(['counters 10', 'tasks b', 'tasks made', 'tasks ～', 'tasks 😀'])
  })
})
