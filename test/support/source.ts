import { createSigner } from '../../src/core/signature/sign.ts'
import { defineSchema, field, model, relation, z } from '../../src/index.ts'

/** A schema with one model of each policy, and one of every kind of field that tests need. */
export const schema = defineSchema({
  tasks: model({
    fields: {
      title: z.string().min(1),
      status: z.enum(['todo', 'doing', 'done']).default('todo'),
      effort: field.bigint().optional(),
      dueAt: field.timestamp().optional(),
      projectId: z.string().optional(),
      organizationId: z.string().optional(),
    },
    relations: { project: relation.belongsTo('projects', 'projectId') },
    mutable: true,
    defaults: { id: () => `task_${crypto.randomUUID()}` },
  }),
  projects: model({
    fields: { name: z.string() },
    relations: { tasks: relation.hasMany('tasks', 'projectId') },
    mutable: true,
    policy: { by: 'none' },
  }),
  countries: model({ fields: { name: z.string() }, policy: { by: 'none' }, mutable: false }),
})

export const signingKey = 'sk_test_the_key_of_these_tests'
export const org = { organizationId: 'org_1' }

interface SignedOptions {
  /** Signed with this key. Default: `signingKey`. */
  key?: Parameters<typeof createSigner>[0]
  headers?: Record<string, string>
  now?: () => number
  id?: string
}

/** The headers and the exact bytes of a signed request. */
export async function signed(
  request: unknown,
  { key = signingKey, headers, now, id }: SignedOptions = {},
): Promise<{ headers: Record<string, string>; body: Uint8Array<ArrayBuffer> }> {
  const body =
    request instanceof Uint8Array
      ? new Uint8Array(request)
      : new TextEncoder().encode(JSON.stringify(request))
  const signature = await createSigner(key)(body, { now, id })
  return { headers: { 'content-type': 'application/json', ...signature, ...headers }, body }
}

/** A signed Fetch request, for an endpoint in this process. */
export async function signedRequest(request: unknown, options?: SignedOptions): Promise<Request> {
  const { headers, body } = await signed(request, options)
  return new Request('https://example.com/source', { method: 'POST', headers, body })
}

// biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of a body, member by member
export type AnyAnswer = { status: number; headers: Headers; body: any }

/** Sends a signed request to an endpoint in this process and reads the answer. */
export async function ask(
  endpoint: { readonly fetch: (request: Request) => Promise<Response> },
  request: unknown,
  options?: SignedOptions,
): Promise<AnyAnswer> {
  const response = await endpoint.fetch(await signedRequest(request, options))
  return { status: response.status, headers: response.headers, body: await response.json() }
}
