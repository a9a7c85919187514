import type { CreateInput, ModelName, Row, UpdateInput } from 'postern'
import type { Schema } from './schema.js'
import { same } from './same.js'

// case: the names of models
same<ModelName<Schema>, 'tasks' | 'projects' | 'people' | 'taskTags' | 'countries'>(true)

// case: a row, as it travels: what was left out is null, bigint and dates are texts, the key is there
same<
  Row<Schema, 'tasks'>,
  {
    id: string
    title: string
    status: 'todo' | 'doing' | 'done'
    projectId: string | null
    note: string | null
    remark: string | null
    effort: string | null
    size: string
    dueAt: string | null
    labels: string[]
    done: boolean
    updatedAt: string
  }
>(true)

// case: a row whose fields are of zod/mini
same<Row<Schema, 'people'>, { id: string; name: string; age: number | null }>(true)

// case: a row with a key of several fields has no `id`
same<Row<Schema, 'taskTags'>, { taskId: string; tag: string; weight: number }>(true)

// case: a create tells what may be left out from what may be null
same<
  CreateInput<Schema, 'tasks'>,
  {
    readonly title: string
    readonly note: string | null
    readonly size: string | number
    readonly dueAt: string | null
    readonly labels: string[]
    readonly done: boolean
    readonly status?: 'todo' | 'doing' | 'done'
    readonly projectId?: string | null
    readonly remark?: string | null
    readonly effort?: string | null
    readonly id?: string
  }
>(true)

// case: a create of a model with several key fields must send them
same<CreateInput<Schema, 'taskTags'>, { readonly taskId: string; readonly tag: string; readonly weight?: number }>(true)

// case: an update may leave out everything
same<UpdateInput<Schema, 'projects'>, {
  readonly name?: string
  readonly ownerId?: string | null
  readonly archivedAt?: string | null
  readonly id?: string
}>(true)

// refused: "nothing"' does not satisfy the constraint
export type Nothing = Row<Schema, 'nothing'>

// refused: 'statuss' does not exist
export const misspelt: UpdateInput<Schema, 'tasks'> = { statuss: 'done' }

// refused: Type 'null' is not assignable to type '"todo" | "doing" | "done"
export const noNull: UpdateInput<Schema, 'tasks'> = { status: null }

// refused: Property 'note' is missing
export const nullIsNotAbsent: CreateInput<Schema, 'tasks'> = { title: 'x', size: 1, dueAt: null, labels: [], done: true }

// refused: 'updatedAt' does not exist
export const readOnly: UpdateInput<Schema, 'tasks'> = { updatedAt: '2026-01-01T00:00:00Z' }
