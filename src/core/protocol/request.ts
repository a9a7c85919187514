import { z } from 'zod'
import type { Scope } from '../adapter.ts'
import type { Issue } from '../errors.ts'
import { issuesError, PosternError } from '../errors.ts'

/**
 * The shapes of the wire (protocol, "Requests"), as far as they can be judged without a schema. A member that nobody
 * reads here may narrow or guard the request where it was written: it is refused by its name, never dropped. Only a
 * scope may have more members, for `authorize` to judge.
 */

/** Printable ASCII, 1 to 255: what a header, a log line and a text column all keep as it is. */
const keyPattern = /^[\x20-\x7e]{1,255}$/

/** Names of tenants and participants; long enough for anyone's ids, short enough for an index. */
const name = z.string().min(1).max(255)

/** Judged as a whole: a fault for each of half a million members would cost seconds. */
const texts = z.custom<readonly string[]>(
  (value) => Array.isArray(value) && value.every((member) => typeof member === 'string'),
  'expected an array of strings',
)

const scope = z
  .looseObject({
    participantId: name.nullish(),
    // Older callers say `human`.
    participantKind: z.enum(['user', 'agent', 'system', 'human']).nullish(),
    organizationId: name.nullish(),
    requiredSyncGroups: texts.nullish(),
    projectId: z.string().nullish(),
    branchId: z.string().nullish(),
    mode: z.string().nullish(),
  })
  .transform((given) => {
    const { participantKind, mode } = given
    const said = { ...given, participantKind: participantKind === 'human' ? 'user' : participantKind }
    const known = { ...said, mode: mode === 'production' ? 'live' : mode }
    return Object.fromEntries(Object.entries(known).filter(([, value]) => value != null)) as Scope
  })

const envelope = { scope: scope.nullish().transform((given): Scope => given ?? {}) }

/** Ids travel as strings; a whole number is taken too, because that is how an integer key stands in a row. */
const id = z.union([z.string().min(1), z.int()])

const load = z.strictObject({ type: z.literal('load'), model: z.string(), id, ...envelope })

const list = z.strictObject({
  type: z.literal('list'),
  model: z.string(),
  query: z
    .strictObject({
      where: z.array(z.unknown()).nullish(),
      orderBy: z.unknown(),
      order: z.unknown(),
      limit: z.unknown(),
      cursor: z.unknown(),
      select: z.unknown(),
      count: z.unknown(),
      related: z.unknown(),
    })
    .partial()
    .nullish(),
  ...envelope,
})

const commit = z.strictObject({
  type: z.literal('commit'),
  correlationId: z.string().nullish(),
  clientTxId: z.string().nullish(),
  intentHash: z.string().min(1).max(255).nullish(),
  operations: z.array(z.unknown()),
  model: z.string().nullish(),
  echo: z.unknown().optional(),
  ...envelope,
})

const events = z.strictObject({
  type: z.literal('events'),
  cursor: z.string().max(65_536).nullish(),
  limit: z.unknown().optional(),
  from: z.literal('now').nullish(),
  models: z.array(z.string()).min(1).max(1_000).nullish(),
  acknowledgedThrough: z.string().max(65_536).nullish(),
  ...envelope,
})

const requests = { load, list, commit, events }

/** The four requests of the protocol. */
export type RequestType = keyof typeof requests
/** A request as it came over the wire, its shape checked and its content not. */
export type ProtocolRequest = z.output<(typeof requests)[RequestType]>
export type CommitShape = z.output<typeof commit>
export type ListShape = z.output<typeof list>

/**
 * Reads a decoded body as one of the four requests.
 *
 * @throws PosternError `unknown_source_request` with the place of each fault; for a commit's operations
 *   `source_commit_invalid`.
 */
export function parseRequest(body: unknown): ProtocolRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new PosternError('unknown_source_request', 'The body must be a JSON object.')
  }
  const type = (body as { type?: unknown }).type
  if (typeof type !== 'string' || !Object.hasOwn(requests, type)) {
    throw new PosternError('unknown_source_request', undefined, {
      details: { issues: [{ pointer: '/type', message: 'expected load, list, commit or events' }] },
    })
  }
  const parsed = requests[type as RequestType].safeParse(body)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.flatMap((issue) => toIssues('', issue))
  const first = issues[0]?.pointer ?? ''
  const inside = type === 'commit' && !first.startsWith('/scope') && first !== '/type'
  const inQuery = type === 'list' && first.startsWith('/query')
  throw issuesError(
    inside ? 'source_commit_invalid' : inQuery ? 'invalid_query' : 'unknown_source_request',
    issues,
  )
}

/**
 * The idempotency key of a commit: `correlationId`, else `clientTxId`, else the header Idempotency-Key. All that are
 * sent must be equal.
 *
 * @throws PosternError `source_commit_requires_correlation_id`, `idempotency_key_mismatch`, `source_commit_invalid`
 */
export function commitKey(request: CommitShape, header: string | null = null): string {
  const key = request.correlationId ?? request.clientTxId ?? header
  if (key == null) throw new PosternError('source_commit_requires_correlation_id')
  if (header !== null && header !== key) {
    throw new PosternError('idempotency_key_mismatch', undefined, {
      details: { pointer: request.correlationId == null ? '/clientTxId' : '/correlationId' },
    })
  }
  if (request.clientTxId != null && request.clientTxId !== key) {
    throw issuesError('source_commit_invalid', [
      { pointer: '/clientTxId', message: 'differs from correlationId' },
    ])
  }
  if (!keyPattern.test(key)) {
    const pointer = request.correlationId == null ? '/clientTxId' : '/correlationId'
    throw issuesError('source_commit_invalid', [
      { pointer, message: 'expected 1 to 255 printable ASCII characters' },
    ])
  }
  return key
}

/** What is read of an issue of zod's. */
interface ZodIssue {
  readonly code?: string | undefined
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

/** An issue of zod's as ours: the place as a JSON pointer, the message without the offending value. */
export function toIssues(base: string, { code, path, message, keys = [] }: ZodIssue): Issue[] {
  if (code !== 'unrecognized_keys') return [{ pointer: base + pointer(path), message }]
  // Each by its own place: the message of the whole would quote a body full of names.
  return keys.slice(0, MAX_UNKNOWN).map((key) => ({
    pointer: base + pointer([...path, key]),
    message: 'unknown member',
  }))
}

/** Told of one object at most. */
const MAX_UNKNOWN = 10

/** Longer pointers would send long names back more than once. */
const MAX_POINTER = 512

/** A JSON pointer (RFC 6901) of a path; of its nearest ancestor where the whole would be too long. */
export function pointer(path: readonly PropertyKey[]): string {
  let text = ''
  for (const step of path) {
    const next = `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (text.length + next.length > MAX_POINTER) break
    text += next
  }
  return text
}
