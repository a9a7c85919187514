import { expect, test } from 'vitest'
import { memoryAdapter } from '../../src/adapters/memory/index.ts'
import { createKeyRing } from '../../src/core/signature/keys.ts'
import { verifyRequest } from '../../src/core/signature/verify.ts'
import { createEndpoint, defaultLimits, defineSchema, model, z } from '../../src/index.ts'
import { blocksOf, read } from './markdown.ts'

const [example] = blocksOf('docs/protocol.md').filter(({ language }) => language === 'http')
const [head = '', body = ''] = (example?.text ?? '').split('\n\n')
const headers = new Headers(
  head
    .split('\n')
    .slice(1)
    .map((line) => line.split(': ') as [string, string]),
)
const bytes = new TextEncoder().encode(body.trimEnd())
const key = 'sk_the_key_of_this_page'
const now = () => 1_767_225_600_000

test('the signed request of the page holds under the key of the page, and with no other byte', async () => {
  const ring = createKeyRing(key)
  await expect(verifyRequest(ring, headers, bytes, { now })).resolves.toMatchObject({ id: 'msg_1' })
  const other = bytes.with(0, bytes[0]! ^ 1)
  await expect(verifyRequest(ring, headers, other, { now })).rejects.toMatchObject({
    code: 'source_signature_invalid',
  })
})

test('an endpoint answers the signed request of the page', async () => {
  const schema = defineSchema({ tasks: model({ fields: { title: z.string() }, mutable: true }) })
  const rows = { tasks: [{ id: 't1', title: 'Paint the door', organization_id: 'org_1' }] }
  const endpoint = createEndpoint({ adapter: memoryAdapter(schema, { rows }), signingKey: key, now })
  const response = await endpoint.fetch(
    new Request('https://example.com/', { method: 'POST', headers, body: bytes }),
  )
  expect(await response.json()).toEqual({ row: { id: 't1', title: 'Paint the door' }, stamp: 0 })
})

test('the limits of the page are the defaults', () => {
  const section = read('docs/protocol.md').split('## Limits')[1] ?? ''
  const figures = [...section.matchAll(/[\d,]*\d/g)].map(([figure]) => Number(figure.replaceAll(',', '')))
  const { bodyBytes, bodyTimeoutMs, ...rest } = defaultLimits
  expect(figures.filter((figure) => ![413, 503].includes(figure))).toEqual([
    bodyBytes / 1_048_576,
    bodyTimeoutMs / 1_000,
    rest.operations,
    rest.answerBytes / 1_048_576,
    rest.listDefault,
    rest.listMax,
    rest.conditions,
    rest.inMembers,
    rest.patternLength,
    rest.eventsDefault,
    rest.eventsMax,
    rest.inFlight,
    rest.toleranceSeconds,
  ])
})
