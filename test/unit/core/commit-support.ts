import { z } from 'zod'
import type { MemoryAdapter } from '../../../src/adapters/memory/index.ts'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import type { Adapter } from '../../../src/core/adapter.ts'
import { resolveLimits } from '../../../src/core/endpoint/limits.ts'
import { prepareWork } from '../../../src/core/endpoint/work.ts'
import { PosternError } from '../../../src/core/errors.ts'
import { parseRequest } from '../../../src/core/protocol/request.ts'
import type { ChangeEvent } from '../../../src/core/rules/event.ts'
import type { StaleReport } from '../../../src/core/rules/staleness.ts'
import { defineSchema } from '../../../src/core/schema/define.ts'
import { field } from '../../../src/core/schema/field.ts'
import { model } from '../../../src/core/schema/model.ts'
import { relation } from '../../../src/core/schema/relation.ts'

/** One model of each policy, and what a commit can do to a row. */
export const schema = defineSchema({
  projects: model({
    fields: { name: z.string(), budget: field.numeric().optional(), settings: field.json().optional() },
    relations: { tasks: relation.hasMany('tasks', 'projectId') },
    mutable: true,
  }),
  tasks: model({
    fields: {
      id: z.string(),
      organizationId: z.string().optional(),
      projectId: z.string(),
      title: z.string(),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      votes: z.int().default(0),
      slug: z.string().optional(),
      archivedAt: field.timestamp().optional(),
      updatedAt: field.timestamp(),
    },
    relations: {
      project: relation.belongsTo('projects', 'projectId'),
      comments: relation.hasMany('comments', 'taskId'),
    },
    mutable: true,
    touch: 'updatedAt',
    capture: true,
  }),
  comments: model({
    fields: { taskId: z.string(), text: z.string() },
    mutable: true,
    policy: { by: 'parent', fk: 'taskId', parent: 'tasks' },
  }),
  settings: model({
    fields: { id: z.string(), value: z.string().optional() },
    mutable: true,
    policy: { by: 'none' },
  }),
  counters: model({ fields: { id: field.bigint(), n: z.int() }, mutable: true, policy: { by: 'none' } }),
})

export type Json = Record<string, unknown>
export interface CommitBody {
  rows: (Json | null)[]
  stamps: (number | null)[]
  notifications?: StaleReport[]
}

/** Speaks to an adapter in the shapes of the wire, through the same parsing as the endpoint. */
export function callerOf(adapter: Adapter, tenant: string | null = 'org_1', who: Json = {}) {
  const scope = { ...who, ...(tenant !== null && { organizationId: tenant }) }
  const prepare = (body: Json) => {
    const request = parseRequest({ ...body, scope })
    const context = { tenant, scope: request.scope, requestId: 'req_1' }
    return prepareWork(request, context, { schema, limits: resolveLimits() })
  }
  const commitText = async (key: string, operations: Json[], more: Json = {}) => {
    const work = prepare({ type: 'commit', correlationId: key, operations, ...more })
    if (work.type !== 'commit') throw new Error('not a commit')
    return adapter.commit(work.request)
  }
  return {
    commitText,
    async commit(key: string, operations: Json[], more: Json = {}): Promise<CommitBody> {
      return JSON.parse((await commitText(key, operations, more)).body)
    },
    async load(name: string, id: string): Promise<{ row: Json | null; stamp: number }> {
      const work = prepare({ type: 'load', model: name, id })
      if (work.type !== 'load') throw new Error('not a load')
      return JSON.parse(await adapter.load(work.request))
    },
    async list(name: string, query: Json = {}) {
      const work = prepare({ type: 'list', model: name, query })
      if (work.type !== 'list') throw new Error('not a list')
      const text = await adapter.list(work.request)
      return JSON.parse(text) as { rows: Json[]; stamps: number[]; stamp: number; nextCursor?: string }
    },
    async events(cursor?: string, limit?: number): Promise<{ events: ChangeEvent[]; nextCursor: string }> {
      const work = prepare({ type: 'events', cursor, limit })
      if (work.type !== 'events') throw new Error('not an events request')
      return JSON.parse(await adapter.events(work.request))
    },
  }
}

/** The error that a promise ends with, or a failure of the test when it does not. */
export async function refusal(work: Promise<unknown>): Promise<PosternError> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof PosternError) return outcome.error
  throw new Error(`expected a PosternError, got ${JSON.stringify(outcome)}`)
}

export const create = (name: string, id: string, input: Json, more: Json = {}): Json => ({
  type: 'CREATE',
  model: name,
  id,
  input,
  ...more,
})
export const update = (name: string, id: string, input: Json, more: Json = {}): Json => ({
  type: 'UPDATE',
  model: name,
  id,
  input,
  ...more,
})
export const remove = (name: string, id: string, more: Json = {}): Json => ({
  type: 'DELETE',
  model: name,
  id,
  ...more,
})

export const start = Date.UTC(2026, 0, 1)

/** A source with rows of two tenants, constraints, and a clock that a test can turn. */
export function household(clock: { time: number }): MemoryAdapter {
  const task = (id: string, organizationId: string, projectId: string) => {
    const updatedAt = '2025-12-31T00:00:00Z'
    return { id, organizationId, projectId, title: id, status: 'todo', votes: 0, updatedAt }
  }
  return memoryAdapter(schema, {
    now: () => new Date(clock.time),
    unique: { tasks: ['slug'] },
    references: { tasks: { projectId: 'projects' } },
    rows: {
      projects: [
        { id: 'p1', name: 'House', budget: '1.50', settings: { a: 1, b: [true] }, organization_id: 'org_1' },
        { id: 'p2', name: 'Boat', organization_id: 'org_2' },
      ],
      tasks: [task('t1', 'org_1', 'p1'), task('t2', 'org_1', 'p1'), task('foreign', 'org_2', 'p2')],
      settings: [{ id: 's1', value: 'on' }],
    },
  })
}
