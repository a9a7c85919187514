import type { Adapter, Condition, ListRequest, Operation, RequestContext, StoreKinds } from '../adapter.ts'
import { isRecord, notify, typeName } from '../callback.ts'
import { issuesError, PosternError } from '../errors.ts'
import type { Field, Model, Schema } from '../schema/define.ts'
import { canonicalKey, keyText } from '../schema/key.ts'
import { canonicalId, canonicalValue, type KindInfo, memberInfo, refusal } from '../schema/kind.ts'
import type { Work } from './work.ts'

/**
 * The one spelling of everything that a request names, before anything of the application's judges it. A uuid in upper
 * case, `07` for 7 and a time with an offset reach the same row as their other spellings: a rule that compares texts
 * must not be passed by choosing another one.
 */

/**
 * The kinds by which an adapter's store spells; the schema's own where it does not say.
 *
 * @param tx the transaction that the request joins, for an adapter that has to ask the store
 */
export async function kindsOf(adapter: Adapter, tx: unknown): Promise<StoreKinds> {
  const own = await adapter.kinds?.(tx)
  if (own === undefined || own === null) {
    return { tenant: tenantKind(adapter.schema), field: (_, field) => field }
  }
  return { tenant: own.tenant, field: (model, field) => checkedKind(own.field(model, field)) }
}

/** An adapter by hand may give anything. */
function checkedKind(given: KindInfo): KindInfo {
  if (isRecord(given) && typeof given.kind === 'string') return given
  notify('kinds', () => given)
  throw new PosternError(
    'source_adapter_misconfigured',
    `\`kinds\` of this adapter must give \`{ kind }\` for a field, not ${typeName(given)}.`,
  )
}

function tenantKind({ models }: Pick<Schema, 'models'>): StoreKinds['tenant'] {
  const kinds = new Set([...models.values()].flatMap(({ tenantField }) => tenantField?.kind ?? []))
  const [kind] = kinds
  return kinds.size === 1 ? kind : undefined
}

function canonicalTenant(
  { tenant, scope }: RequestContext,
  { tenant: kind }: StoreKinds,
): Pick<RequestContext, 'tenant' | 'scope'> {
  if (tenant === null || kind === undefined) return { tenant, scope }
  const canonical = canonicalId(kind, tenant)
  if (canonical === null) {
    throw new PosternError('source_forbidden', 'organizationId is not a valid tenant id for this database.', {
      details: { pointer: '/scope/organizationId' },
    })
  }
  return { tenant: canonical, scope: { ...scope, organizationId: canonical } }
}

/**
 * @throws PosternError `source_forbidden` for a tenant, `invalid_query` and `source_commit_invalid` for an id that no
 *   row of the store can have
 */
export function canonicalWork(sent: Work, kinds: StoreKinds): Work {
  const work = { ...sent, request: { ...sent.request, ...canonicalTenant(sent.request, kinds) } } as Work
  switch (work.type) {
    case 'load': {
      const { model, id } = work.request
      return {
        ...work,
        request: { ...work.request, id: keyIn(model, id, kinds, 'invalid_query', '/id') },
      }
    }
    case 'list':
      return { ...work, request: canonicalQuery(work.request, kinds) }
    case 'commit': {
      const operations = work.request.operations.map((operation) => canonicalOperation(operation, kinds))
      return { ...work, request: { ...work.request, operations } }
    }
    case 'events':
      return work
  }
}

function keyIn(
  model: Model,
  id: string,
  kinds: StoreKinds,
  code: 'invalid_query' | 'source_commit_invalid',
  pointer: string,
): string {
  const canonical = canonicalKey({ key: model.key.map((field) => kinds.field(model, field)) }, id)
  if (canonical !== null) return canonical
  throw issuesError(code, [{ pointer, message: `invalid id: expected ${keyText(model)}` }])
}

function canonicalQuery(request: ListRequest, kinds: StoreKinds): ListRequest {
  const inOneSpelling = (condition: Condition): Condition => {
    if ('or' in condition) return { or: condition.or.map(inOneSpelling) }
    if ('and' in condition) return { and: condition.and.map(inOneSpelling) }
    if ('not' in condition) return { not: inOneSpelling(condition.not) }
    const { field, operator, value } = condition
    if (/^IS|LIKE$|^STARTS/.test(operator)) return condition
    const info = kinds.field(request.model, field)
    if (operator === 'CONTAINS') return { ...condition, value: spell(memberInfo(info), value) }
    const spelled =
      Array.isArray(value) && operator.endsWith('IN')
        ? value.map((member) => spell(info, member))
        : spell(info, value)
    return { ...condition, value: spelled }
  }
  return { ...request, where: request.where.map(inOneSpelling) }
}

function canonicalOperation(operation: Operation, kinds: StoreKinds): Operation {
  const { model, index } = operation
  const id =
    operation.id === null
      ? null
      : keyIn(model, operation.id, kinds, 'source_commit_invalid', `/operations/${index}/id`)
  const input: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(operation.input)) {
    input[name] = spell(kinds.field(model, model.fields.get(name) as Field), value)
  }
  return { ...operation, id, input }
}

const SPELLED: ReadonlySet<string> = new Set(['uuid', 'bigint', 'numeric', 'timestamp', 'bytes', 'array'])
/** A year outside 0001 to 9999 in UTC, which RFC 3339 has no text for. */
const NO_YEAR = /^(?!\d{4}-)|^0000/

function spell(info: KindInfo, value: unknown): unknown {
  // What does not fit its kind is for the adapter to refuse, with the column's name.
  if (value === null || !SPELLED.has(info.kind) || refusal(info, value) !== null) return value
  const spelled = canonicalValue(info, value)
  return info.kind === 'timestamp' && NO_YEAR.test(spelled as string) ? value : spelled
}
