import type { CommitRequest, Operation, StoreKinds } from '../../core/adapter.ts'
import type { Issue } from '../../core/errors.ts'
import { issuesError, PosternError } from '../../core/errors.ts'
import { canonicalKey, keyText } from '../../core/schema/key.ts'
import type { KindInfo, ScalarKind } from '../../core/schema/kind.ts'
import { canonicalId, refusal } from '../../core/schema/kind.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { isMade } from '../model/catalog.ts'
import { typeOf } from '../model/column-values.ts'

/**
 * A schema may call a field a string whose column is a timestamp, a uuid or a bigint: schemas that came from the
 * reference system do. Then the column's type says what is exact; the database alone would round and roll over.
 */
function stricter(info: KindInfo, column: Column): KindInfo | undefined {
  const kind = columnKind(column)
  if (kind === undefined) return undefined
  if (column.isArray)
    return info.kind === 'array' && info.element === 'text' ? { ...info, element: kind } : undefined
  return info.kind === 'text' ? { kind } : undefined
}

/** The kind that a column's type asks of a text. What is exact for a bigint is exact for every whole number, as text. */
function columnKind(column: Column): ScalarKind | undefined {
  const { exact, kind } = typeOf(column)
  if (exact !== 'kind') return undefined
  return kind === 'integer' ? 'bigint' : kind
}

/** The one spelling of an id, by the type of its column. @throws PosternError `code` when it can be none. */
export function fitId(
  { keys, model }: BoundModel,
  id: string,
  code: 'invalid_query' | 'source_commit_invalid',
  pointer: string,
): string {
  const key = keys.map(({ field, column }) => stricter(field, column) ?? field)
  const canonical = canonicalKey({ key }, id)
  if (canonical === null)
    throw issuesError(code, [{ pointer, message: `invalid id: expected ${keyText(model)}` }])
  return canonical
}

/**
 * The tenant's one spelling, where tenant columns are of a type that reads several: the log compares texts, and would
 * take `AAAA...` and `aaaa...` for two tenants that the table takes for one.
 *
 * @throws PosternError `source_forbidden` when no tenant column could hold it.
 */
export function fitTenant(models: BoundModels, tenant: string | null): string | null {
  if (tenant === null) return null
  const wanted = [...models.values()].flatMap(({ tenant: column }) =>
    column === null ? [] : [columnKind(column)],
  )
  const strict = [...new Set(wanted.filter((one) => one !== undefined))]
  const forbidden = () =>
    new PosternError('source_forbidden', 'organizationId is not a valid tenant id for this database.')
  const [kind] = strict
  if (kind === undefined) return tenant
  if (strict.length === 1) {
    const canonical = canonicalId(kind, tenant)
    if (canonical !== null) return canonical
    // a text column takes any text; that the other would read it as a tenant of another spelling must not be
    if (!wanted.includes(undefined) || reads(kind, tenant)) throw forbidden()
    return tenant
  }
  // columns of several types would take one spelling for several tenants: it must be the one of each that can hold it
  for (const one of strict) {
    const canonical = canonicalId(one, tenant)
    if (canonical === null ? reads(one, tenant) : canonical !== tenant) throw forbidden()
  }
  return tenant
}

/** What the tenant columns' types ask for: the one kind that is stricter than text, and all that there are. */
function tenantKinds(models: BoundModels) {
  const wanted = [...models.values()].flatMap(({ tenant: column }) =>
    column === null ? [] : [columnKind(column)],
  )
  const [kind, ...others] = new Set(wanted.filter((one) => one !== undefined))
  return { kind: others.length > 0 ? undefined : kind, wanted }
}

/** What the columns' types say beyond the schema, for whoever judges a request before the database does. */
export function storeKinds(models: BoundModels): StoreKinds {
  const { kind, wanted } = tenantKinds(models)
  // Beside a text column any text is somebody's.
  const tenant = wanted.includes(undefined) ? undefined : kind
  const columns = new Map(
    [...models].map(([name, { fields }]) => [
      name,
      new Map(fields.map((bound) => [bound.field.name, bound.column])),
    ]),
  )
  return {
    tenant,
    field(model, field) {
      const column = columns.get(model.name)?.get(field.name)
      return (column && stricter(field, column)) ?? field
    },
  }
}

/** Whether the database would take a text that is no canonical one for a value of the kind all the same. */
const reads = (kind: ScalarKind, text: string): boolean =>
  kind === 'uuid' ? text.replace(/[^0-9a-f]/gi, '').length === 32 : /^\s*[+-]?\s*\d/.test(text)

/**
 * The commit with ids and tenant in their one spelling.
 *
 * @throws PosternError `source_commit_invalid` for values that the column would not keep as they are.
 */
export function fitCommit(models: BoundModels, request: CommitRequest): CommitRequest {
  const issues: Issue[] = []
  const operations = request.operations.map((operation) =>
    fitOperation(models.get(operation.model.name) as BoundModel, operation, issues),
  )
  if (issues.length > 0) throw issuesError('source_commit_invalid', issues)
  return { ...request, tenant: fitTenant(models, request.tenant), operations }
}

function fitOperation(bound: BoundModel, operation: Operation, issues: Issue[]): Operation {
  const base = `/operations/${operation.index}`
  for (const { field, column } of bound.fields) {
    const value = operation.input[field.name]
    if (value !== undefined && isMade(column)) {
      issues.push({ pointer: `${base}/input/${field.name}`, message: 'cannot be written' })
    }
    const info = value == null ? undefined : stricter(field, column)
    const why = info === undefined ? null : refusal(info, value)
    if (why !== null) issues.push({ pointer: `${base}/input/${field.name}`, message: why })
  }
  if (operation.id === null) return operation
  return { ...operation, id: fitId(bound, operation.id, 'source_commit_invalid', `${base}/id`) }
}
