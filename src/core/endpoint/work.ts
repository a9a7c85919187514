import type {
  Adapter,
  CommitRequest,
  EventsRequest,
  ListRequest,
  LoadRequest,
  RequestContext,
} from '../adapter.ts'
import type { Issue } from '../errors.ts'
import { issuesError, PosternError } from '../errors.ts'
import { commitIntent, type IntentOperation } from '../protocol/intent.ts'
import { parseOperations, withModel } from '../protocol/operations.ts'
import { parseLimit, parseQuery } from '../protocol/query.ts'
import type { CommitShape, ProtocolRequest } from '../protocol/request.ts'
import { commitKey } from '../protocol/request.ts'
import type { Model, Schema } from '../schema/define.ts'
import { canonicalKey, keyText } from '../schema/key.ts'
import type { Limits } from './limits.ts'

/** A request held against the schema: what an adapter is called with. */
export type Work =
  | { readonly type: 'load'; readonly request: LoadRequest }
  | { readonly type: 'list'; readonly request: ListRequest }
  | { readonly type: 'commit'; readonly request: CommitRequest }
  | { readonly type: 'events'; readonly request: EventsRequest }

/** What a request is held against. */
export interface WorkSetting extends Pick<Adapter, 'schema' | 'listCursors' | 'queries'> {
  readonly limits: Limits
  /** The header Idempotency-Key; null or left out when it was not sent. */
  readonly keyHeader?: string | null | undefined
}

/**
 * Holds a request against schema and limits. Nothing is looked up anywhere: what comes out is allowed by the schema,
 * confined to a tenant where its models belong to tenants, and ready for the adapter.
 *
 * @throws PosternError `source_model_not_configured`, `source_forbidden`, and all that the parsers throw
 */
export function prepareWork(
  body: ProtocolRequest,
  context: RequestContext,
  { schema, listCursors, queries, limits, keyHeader }: WorkSetting,
): Work {
  switch (body.type) {
    case 'load': {
      const model = modelOf(schema, body.model)
      requireTenant(model, context)
      const id = canonicalKey(model, body.id)
      if (id === null) {
        throw issuesError('invalid_query', [
          { pointer: '/id', message: `invalid id: expected ${keyText(model)}` },
        ])
      }
      return { type: 'load', request: { ...context, model, id } }
    }
    case 'list': {
      const model = modelOf(schema, body.model)
      requireTenant(model, context)
      const parsed = parseQuery(schema, model, body.query, context.tenant, limits, listCursors)
      for (const { model: other } of parsed.related) requireTenant(other, context)
      requireParts(parsed, queries)
      return { type: 'list', request: { ...context, ...parsed } }
    }
    case 'commit':
      return { type: 'commit', request: prepareCommit(body, context, schema, limits, keyHeader) }
    case 'events': {
      const issues: Issue[] = []
      const limit = parseLimit(body.limit, limits.eventsDefault, limits.eventsMax, '/limit', issues)
      const cursor = body.cursor ?? undefined
      const from = body.from ?? undefined
      if (cursor !== undefined && from !== undefined) {
        issues.push({ pointer: '/from', message: 'give a cursor or `from`, not both' })
      }
      if (issues.length > 0) throw issuesError('invalid_query', issues)
      const models = body.models?.map((name, index) => modelOf(schema, name, `/models/${index}`))
      const acknowledgedThrough = body.acknowledgedThrough ?? undefined
      return { type: 'events', request: { ...context, cursor, limit, from, models, acknowledgedThrough } }
    }
  }
}

function prepareCommit(
  body: CommitShape,
  context: RequestContext,
  schema: Schema,
  limits: Limits,
  keyHeader: string | null | undefined,
): CommitRequest {
  const key = commitKey(body, keyHeader)
  const operations = parseOperations(schema, body.operations, {
    max: limits.operations,
    tenant: context.tenant,
    model: body.model,
  })
  for (const { model } of operations) requireTenant(model, context)
  // As sent, not as parsed: a default made in this process differs at every retry of one and the same intent.
  const sent = body.operations.map((operation) => withModel(operation, body.model)) as IntentOperation[]
  return {
    ...context,
    idempotencyKey: key,
    intent: commitIntent(context.tenant, sent),
    intentHash: body.intentHash ?? null,
    operations,
    answerBytes: limits.answerBytes,
    echo: body.echo ?? null,
  }
}

function modelOf(schema: Schema, name: string, pointer = '/model'): Model {
  const model = schema.models.get(name)
  if (model === undefined)
    throw new PosternError('source_model_not_configured', undefined, { details: { pointer } })
  return model
}

function requireTenant(model: Model, context: RequestContext): void {
  if (model.policy.by === 'none' || context.tenant !== null) return
  throw new PosternError(
    'source_forbidden',
    `Rows of ${model.name} belong to tenants: send scope.organizationId.`,
    {
      details: { pointer: '/scope/organizationId' },
    },
  )
}

/** The models that a piece of work names, each once. */
export function modelsOf(work: Work): string[] {
  if (work.type === 'events') return [...new Set(work.request.models?.map(({ name }) => name))]
  if (work.type !== 'commit') return [work.request.model.name]
  return [...new Set(work.request.operations.map(({ model }) => model.name))]
}

/** @throws PosternError `source_adapter_misconfigured` for a part that the adapter would not look at */
function requireParts(
  { select, count }: Pick<ListRequest, 'select' | 'count'>,
  known: Adapter['queries'] = [],
): void {
  const asked = { select: select !== undefined, count: count === true }
  for (const part of ['select', 'count'] as const) {
    if (asked[part] && !known.includes(part))
      throw new PosternError(
        'source_adapter_misconfigured',
        `This adapter does not answer \`${part}\` of a list.`,
        {
          details: { pointer: `/query/${part}` },
        },
      )
  }
}
