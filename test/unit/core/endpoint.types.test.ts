import { describe, expectTypeOf, test } from 'vitest'
import type { HandlerContext, HandlerRow, Handlers } from '../../../src/adapters/handlers/index.ts'
import type { EndpointOptions, Logger, Tracer } from '../../../src/index.ts'
import type { schema } from '../../support/source.ts'

type Options = EndpointOptions<typeof schema, { user: string }>
type Task = HandlerRow<typeof schema, 'tasks'>

describe('options that know the schema', () => {
  test('know its models, and what authorize answers', () => {
    type Models = NonNullable<Handlers<typeof schema, { user: string }>['models']>
    expectTypeOf<keyof Models>().toEqualTypeOf<'tasks' | 'projects' | 'countries'>()
    type Load = NonNullable<NonNullable<Models['tasks']>['load']>
    expectTypeOf<Parameters<Load>[0]['context']>().toEqualTypeOf<HandlerContext<{ user: string }>>()
    expectTypeOf<{ user: string } | false>().toExtend<ReturnType<NonNullable<Options['authorize']>>>()
    expectTypeOf<{ name: string }>().not.toExtend<ReturnType<NonNullable<Options['authorize']>>>()
  })

  test('take rows as database drivers give them, and no others', () => {
    type Needed = { id: string; title: string; status: 'todo' }
    expectTypeOf<Needed>().toExtend<Task>()
    expectTypeOf<Needed & { dueAt: Date; effort: bigint; projectId: null }>().toExtend<Task>()
    expectTypeOf<{ id: string; status: 'todo' }>().not.toExtend<Task>()
    expectTypeOf<{ id: string; title: string; status: 'lost' }>().not.toExtend<Task>()
  })
})

test('console is a logger; so is what has the shape of pino', () => {
  interface PinoLike {
    (fields: object, message?: string, ...values: unknown[]): void
    (message: string, ...values: unknown[]): void
  }
  expectTypeOf<Console>().toExtend<Logger>()
  expectTypeOf<{ info: PinoLike; warn: PinoLike; error: PinoLike }>().toExtend<Logger>()
})

test('what has the shape of an OpenTelemetry tracer is a tracer', () => {
  interface OtelSpan {
    setAttribute(key: string, value: string | number | boolean | string[]): this
    setStatus(status: { code: 0 | 1 | 2; message?: string }): this
    end(time?: number): void
  }
  interface OtelTracer {
    startActiveSpan<F extends (span: OtelSpan) => unknown>(name: string, work: F): ReturnType<F>
    startActiveSpan<F extends (span: OtelSpan) => unknown>(
      name: string,
      options: object,
      work: F,
    ): ReturnType<F>
  }
  expectTypeOf<OtelTracer>().toExtend<Tracer>()
})
