import { readFileSync } from 'node:fs'
import { expect, expectTypeOf, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import { type ErrorCode, errors, PosternError } from '../../../src/core/errors.ts'
import type { Adapter } from '../../../src/index.ts'
import { schema, signedRequest } from '../../support/source.ts'
import { openEndpoint } from './endpoint.ts'

/** The protocol's table, said once more and by hand: the registry must not drift from it unseen. */
const protocol: Readonly<Record<string, readonly [status: number, retryable: boolean]>> = {
  method_not_allowed: [405, false],
  request_too_large: [413, false],
  commit_too_large: [413, false],
  unsupported_encoding: [415, false],
  source_api_key_missing: [401, false],
  source_id_missing: [401, false],
  source_timestamp_missing: [401, false],
  source_timestamp_invalid: [401, false],
  source_timestamp_expired: [401, false],
  source_signature_missing: [401, false],
  source_signature_invalid: [401, false],
  invalid_json: [400, false],
  unknown_source_request: [400, false],
  idempotency_key_mismatch: [400, false],
  rate_limited: [429, true],
  source_commit_requires_correlation_id: [400, false],
  source_commit_invalid: [400, false],
  source_operation_id_required: [400, false],
  invalid_query: [400, false],
  source_forbidden: [403, false],
  source_load_not_configured: [404, false],
  source_list_not_configured: [404, false],
  source_commit_not_configured: [404, false],
  source_events_not_configured: [404, false],
  source_model_not_configured: [404, false],
  entity_not_found: [404, false],
  stale_context: [409, false],
  idempotency_conflict: [409, false],
  idempotency_key_expired: [409, false],
  unique_violation: [409, false],
  foreign_key_violation: [409, false],
  source_commit_echo_not_supported: [409, false],
  not_null_violation: [400, false],
  check_violation: [400, false],
  constraint_violation: [400, false],
  cursor_expired: [410, false],
  cursor_invalid: [400, false],
  source_busy: [503, true],
  source_unavailable: [503, true],
  commit_outcome_unknown: [503, true],
  source_adapter_misconfigured: [500, false],
  internal_error: [500, true],
}

/** What a transport can say besides. */
const transport: typeof protocol = {
  request_timeout: [408, true],
  request_truncated: [400, true],
  request_body_consumed: [500, false],
}

test('every code of the protocol is in the registry with its status and whether to send again, and no other is', () => {
  const registry = Object.fromEntries(
    Object.entries(errors).map(([code, { status, retryable }]) => [code, [status, retryable]]),
  )
  expect(registry).toEqual({ ...protocol, ...transport })
})

test('each entry says what happened and what to do, in a sentence', () => {
  for (const [code, { meaning, remedy }] of Object.entries(errors)) {
    for (const sentence of [meaning, remedy]) expect(sentence, code).toMatch(/^[A-Z`].+\.$/)
  }
})

test('the type of codes comes from the registry', () => {
  expectTypeOf<ErrorCode>().toEqualTypeOf<keyof typeof errors>()
})

test.each(Object.keys(errors) as ErrorCode[])(
  '%s is answered as the registry has it, in both forms',
  async (code) => {
    const { status, retryable, meaning } = errors[code]
    const fail = () => Promise.reject(new PosternError(code, undefined, { cause: new Error('kept in here') }))
    const adapter: Adapter = { ...memoryAdapter(schema), load: fail }
    const endpoint = openEndpoint(adapter)
    const load = { type: 'load', model: 'projects', id: 'p1' }
    const plain = await endpoint.ask(load)
    expect(plain.body).toEqual({ error: code, message: meaning, retryable, requestId: expect.any(String) })
    expect([plain.status, plain.headers.get('content-type')]).toEqual([status, 'application/json'])
    expect(plain.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
    const problem = await endpoint.send(
      await signedRequest(load, { headers: { accept: 'application/problem+json' } }),
    )
    expect(problem.body).toMatchObject({ error: code, status, title: meaning, detail: meaning, retryable })
    expect([problem.status, problem.headers.get('content-type')]).toEqual([
      status,
      'application/problem+json',
    ])
    expect(endpoint.said.join()).not.toContain('kept in here')
  },
)

test('the docs have a row for every code', () => {
  const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  for (const code of Object.keys(errors)) expect(page).toContain(`\`${code}\``)
})
