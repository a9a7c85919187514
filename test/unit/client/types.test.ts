import { describe, expectTypeOf, test } from 'vitest'
import type { Client, CommitOperation } from '../../../src/client/index.ts'
import { createClient } from '../../../src/client/index.ts'
import type { ModelName } from '../../../src/index.ts'
import type { schema } from '../../support/source.ts'

type S = typeof schema

describe('a client that knows the schema', () => {
  const source = {} as Client<S>

  test('knows models, fields and rows', () => {
    type Row = NonNullable<Awaited<ReturnType<typeof source.load<'tasks'>>>['row']>
    expectTypeOf<Row['status']>().toEqualTypeOf<'todo' | 'doing' | 'done'>()
    expectTypeOf<Row['id']>().toEqualTypeOf<string>()
    expectTypeOf<ModelName<S>>().toEqualTypeOf<'tasks' | 'projects' | 'countries'>()
  })

  test('refuses fields and values that the schema does not have', () => {
    expectTypeOf<{ type: 'CREATE'; model: 'tasks'; input: { title: string } }>().toExtend<
      CommitOperation<S>
    >()
    expectTypeOf<{ type: 'CREATE'; model: 'tasks'; input: { status: 'todo' } }>().not.toExtend<
      CommitOperation<S>
    >()
    expectTypeOf<{ type: 'UPDATE'; model: 'tasks'; id: string; input: { status: 'done' } }>().toExtend<
      CommitOperation<S>
    >()
    expectTypeOf<{ type: 'UPDATE'; model: 'tasks'; id: string; input: { status: 'lost' } }>().not.toExtend<
      CommitOperation<S>
    >()
    expectTypeOf<{ type: 'UPDATE'; model: 'tasks'; input: { status: 'done' } }>().not.toExtend<
      CommitOperation<S>
    >()
    expectTypeOf<{ type: 'DELETE'; model: 'users'; id: string }>().not.toExtend<CommitOperation<S>>()
  })
})

test('a client without a schema takes any model and gives rows of anything', () => {
  const source = createClient({ url: 'https://example.com', sign: async () => ({}) })
  expectTypeOf(source.load).parameter(0).toEqualTypeOf<string>()
  expectTypeOf<{ type: 'UPDATE'; model: 'x'; id: 'y'; input: { any: 1 } }>().toExtend<CommitOperation>()
})
