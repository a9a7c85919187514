import { conformanceSchema, signing } from '../../../src/conformance/index.ts'
import { createEndpoint, type Endpoint } from '../../../src/core/endpoint/endpoint.ts'
import { signRequest } from '../../../src/core/signature/sign.ts'
import { memorySubject } from '../../system/conformance/subjects.ts'
import type { Mutant } from './mutant.ts'

type Json = Record<string, unknown>
type Fetcher = Endpoint['fetch']

interface WireFault extends Omit<Mutant, 'in' | 'open'> {
  /** The endpoint with its fault: `forward` signs a body anew, for what got past the front. */
  answer(request: Request, endpoint: Fetcher, forward: (body: string) => Promise<Response>): Promise<Response>
}

/** A mutant of what stands before the adapter, as somebody else's endpoint may have it. */
export const wireMutant = ({ answer, ...fault }: WireFault): Mutant => ({
  ...fault,
  in: 'wire',
  open: async () => {
    const { adapter, probe } = await memorySubject()
    const key = 'sk_wire'
    const endpoint = createEndpoint({ signingKey: key, adapter })
    const url = 'http://mutant.invalid/source'
    const forward = async (body: string): Promise<Response> => {
      const headers = { 'content-type': 'application/json', ...(await signRequest(key, body)) }
      return endpoint.fetch(new Request(url, { method: 'POST', headers, body }))
    }
    const driver = signing('mutant', url, key, (request) => answer(request, endpoint.fetch, forward))
    return { options: { driver, probe }, close: async () => {} }
  },
})

/** Changes the body of a request on its way in. */
export const onBody =
  (change: (body: Json) => Json): WireFault['answer'] =>
  async (request, endpoint, forward) => {
    const text = await request.clone().text()
    const body = parse(text)
    const changed = body === undefined ? undefined : change(body)
    return changed === undefined || changed === body ? endpoint(request) : forward(JSON.stringify(changed))
  }

/** Changes the operations of a commit on their way in. */
export const onOperations = (change: (operation: Json) => Json): WireFault['answer'] =>
  onBody((body) =>
    body.type === 'commit' && Array.isArray(body.operations)
      ? { ...body, operations: (body.operations as Json[]).map(change) }
      : body,
  )

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

const known = new Set(conformanceSchema.models.get('items')?.fields.keys())

export const wireMutants: readonly Mutant[] = [
  wireMutant({
    fault: 'input.id wins over the id of the operation',
    killedBy: 'FIELD-02',
    message: 'input.id must not win over the id of the operation',
    answer: onOperations((operation) => {
      const { id, ...input } = (operation.input ?? {}) as Json
      return id === undefined || Object.keys(input).length === 0 ? operation : { ...operation, id, input }
    }),
  }),
  wireMutant({
    fault: 'fields that the schema does not have are dropped in silence',
    killedBy: 'FIELD-01',
    message: 'the field unknown must be refused in a CREATE',
    answer: onOperations((operation) => {
      if (operation.model !== 'items' || operation.input === undefined) return operation
      const input = Object.entries(operation.input as Json).filter(([name]) => known.has(name))
      return { ...operation, input: Object.fromEntries(input) }
    }),
  }),
  wireMutant({
    fault: 'texts that look like numbers are taken for numbers',
    killedBy: 'FIELD-06',
    message: 'a create with rank: "7" must be refused',
    answer: onOperations((operation) => {
      const input = (operation.input ?? {}) as Json
      return typeof input.rank === 'string'
        ? { ...operation, input: { ...input, rank: Number(input.rank) } }
        : operation
    }),
  }),
  wireMutant({
    fault: 'the signature is not checked',
    killedBy: 'ENVELOPE-02',
    message: 'a signature of something else must be refused',
    answer: async (request, endpoint, forward) =>
      request.method === 'POST' ? forward(await request.text()) : endpoint(request),
  }),
  wireMutant({
    fault: 'the body is parsed and written anew before its signature is checked',
    killedBy: 'ENVELOPE-06',
    message: 'must be refused',
    answer: async (request, endpoint, forward) => {
      const text = await request.clone().text()
      const body = parse(text)
      return body === undefined ? endpoint(request) : forward(JSON.stringify(body))
    },
  }),
  wireMutant({
    fault: 'an old timestamp is as good as a fresh one',
    killedBy: 'ENVELOPE-03',
    message: 'a timestamp an hour off must be refused',
    answer: async (request, endpoint, forward) => {
      const answer = await endpoint(request.clone() as Request)
      const { error } = (await answer.clone().json()) as Json
      return error === 'source_timestamp_expired' ? forward(await request.text()) : answer
    },
  }),
  wireMutant({
    fault: "a refusal quotes the database's own words",
    killedBy: 'ERROR-07',
    message: 'a refusal must not quote the row',
    answer: async (request, endpoint) => {
      const sent = await request.clone().text()
      const answer = await endpoint(request)
      if (answer.status === 200) return answer
      const body = (await answer.json()) as Json
      const input = (parse(sent)?.operations as Json[] | undefined)?.[0]?.input
      const message = `${body.message} Failing row contains (${JSON.stringify(input)}).`
      return new Response(JSON.stringify({ ...body, message }), {
        status: answer.status,
        headers: answer.headers,
      })
    },
  }),
  wireMutant({
    fault: 'a request without a tenant is everybody’s',
    killedBy: 'TENANT-07',
    message: 'a request without a tenant must fail closed',
    answer: async (request, endpoint, forward) => {
      const text = await request.clone().text()
      const body = parse(text)
      const scope = (body?.scope ?? {}) as Json
      if (body === undefined || scope.organizationId != null) return endpoint(request)
      return forward(JSON.stringify({ ...body, scope: { ...scope, organizationId: 'default' } }))
    },
  }),
]
