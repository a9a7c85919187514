import type { CommitRequest, Operation } from '../../core/adapter.ts'
import type { Issue } from '../../core/errors.ts'
import { issuesError, PosternError } from '../../core/errors.ts'
import type { Kind, KindInfo } from '../../core/schema/kind.ts'
import { canonicalId, refusal } from '../../core/schema/kind.ts'
import type { BoundModel, BoundModels } from '../model/bound-model.ts'
import type { Column } from '../model/catalog.ts'
import { isMade } from '../model/catalog.ts'

/**
 * A schema may call a field a string whose column is a timestamp, a uuid or a bigint: schemas that came from the
 * reference system do. Then the column's type says what is exact; the database alone would round and roll over.
 */
const kinds: Readonly<Record<string, Kind>> = {
  timestamptz: 'timestamp',
  timestamp: 'timestamp',
  date: 'date',
  numeric: 'numeric',
  int8: 'bigint',
  int4: 'bigint',
  int2: 'bigint',
  uuid: 'uuid',
  bytea: 'bytes',
}

/** The kind that a column's type asks for, where it is stricter than what the schema says. */
function stricter(info: KindInfo, { base }: Column): KindInfo | undefined {
  if (info.kind === 'array' && info.element === 'text' && base.startsWith('_')) {
    const element = kinds[base.slice(1)]
    return element === undefined ? undefined : { kind: 'array', element }
  }
  const kind = info.kind === 'text' ? kinds[base] : undefined
  return kind === undefined ? undefined : { kind }
}

/** The one spelling of an id, by the type of its column. @throws PosternError `code` when it can be none. */
export function fitId(
  { key, model }: BoundModel,
  id: string,
  code: 'invalid_query' | 'source_commit_invalid',
  pointer: string,
): string {
  const kind = stricter(key.field, key.column)?.kind ?? key.field.kind
  const canonical = canonicalId(kind, id)
  if (canonical === null) throw issuesError(code, [{ pointer, message: `no id of ${model.name}` }])
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
  const bases = [...models.values()].flatMap((bound) => bound.tenant?.base ?? [])
  const strict = new Set(bases.flatMap((base) => kinds[base] ?? []))
  const [kind] = strict
  if (kind === undefined || strict.size > 1) return tenant
  const canonical = canonicalId(kind, tenant)
  if (canonical !== null) return canonical
  if (bases.every((base) => kinds[base] !== undefined)) {
    throw new PosternError('source_forbidden', 'The organizationId is none of this source.')
  }
  return tenant
}

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
