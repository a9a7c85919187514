import { checks } from '../check.ts'
import { create } from '../source.ts'

/** What stands before the store: signature, JSON, the shape of requests and of refusals. */
export const envelopeChecks = checks('envelope', [
  {
    id: 'ENVELOPE-01',
    must: 'A request without one of the three signature headers MUST be refused with 401 and its own code.',
    async run({ a, id, expect }) {
      for (const [header, code] of [
        ['webhook-id', 'source_id_missing'],
        ['webhook-timestamp', 'source_timestamp_missing'],
        ['webhook-signature', 'source_signature_missing'],
      ] as const) {
        const answer = await a.send(
          { type: 'load', model: 'items', id: id() },
          { headers: ({ [header]: _left, ...rest }) => rest },
        )
        expect.error(answer, code, `a request without ${header} must be refused`)
        expect.equal(answer.status, 401, 'and with 401')
      }
    },
  },
  {
    id: 'ENVELOPE-02',
    must: 'A signature over another body, id or timestamp MUST be refused, and nothing be applied.',
    async run({ a, id, expect }) {
      const one = id()
      const scope = { organizationId: a.tenant }
      const body = {
        type: 'commit',
        correlationId: one,
        operations: [create('items', one, { title: 'forged' })],
        scope,
      }
      const text = JSON.stringify(body)
      const forged = [
        await a.post(text, { signed: text.replace('forged', 'signed') }),
        await a.post(text, { headers: (signed) => ({ ...signed, 'webhook-id': 'msg_other' }) }),
        await a.post(text, {
          headers: (signed) => ({
            ...signed,
            'webhook-timestamp': String(Number(signed['webhook-timestamp']) - 1),
          }),
        }),
        await a.post(text, {
          headers: (signed) => ({ ...signed, 'webhook-signature': `v1,${btoa('x'.repeat(32))}` }),
        }),
      ]
      for (const answer of forged) {
        expect.error(answer, 'source_signature_invalid', 'a signature of something else must be refused')
        expect.equal(answer.status, 401, 'and with 401')
      }
      expect.equal((await a.load('items', one)).row, null, 'a refused signature must apply nothing')
    },
  },
  {
    id: 'ENVELOPE-03',
    must: 'A timestamp that is too old, too new or no whole number of seconds MUST be refused.',
    async run({ a, id, expect }) {
      const send = (change: (now: number) => string) =>
        a.send(
          { type: 'load', model: 'items', id: id() },
          {
            headers: (signed) => ({
              ...signed,
              'webhook-timestamp': change(Number(signed['webhook-timestamp'])),
            }),
          },
        )
      for (const offset of [-3600, 3600]) {
        const answer = await send((now) => String(now + offset))
        expect.error(answer, 'source_timestamp_expired', 'a timestamp an hour off must be refused')
      }
      for (const odd of ['soon', '1.5', '0x10', '1e9', '-1', '01763776800']) {
        expect.error(
          await send(() => odd),
          'source_timestamp_invalid',
          `the timestamp ${odd} must be refused`,
        )
      }
    },
  },
  {
    id: 'ENVELOPE-04',
    must: 'One signature that holds MUST be enough among several, whatever schemes the others are of.',
    async run({ a, id, expect }) {
      const other = `v1,${btoa('x'.repeat(32))}`
      const answer = await a.send(
        { type: 'load', model: 'items', id: id() },
        {
          headers: (signed) => ({
            ...signed,
            'webhook-signature': `v9,new ${other} ${signed['webhook-signature']}`,
          }),
        },
      )
      expect.equal(answer.code, undefined, 'a rotation signs with the old and the new key at once')
    },
  },
  {
    id: 'ENVELOPE-05',
    must: 'Another method than POST MUST be refused with 405 and an Allow header.',
    async run({ a, expect }) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await a.send({ type: 'events' }, { method })
        expect.error(answer, 'method_not_allowed', `${method} must be refused`)
        expect.equal(
          [answer.status, answer.headers.get('allow')],
          [405, 'POST'],
          'and the answer say what is allowed',
        )
      }
    },
  },
  {
    id: 'ENVELOPE-06',
    must: 'A signed body that is no strict JSON MUST be refused as `invalid_json`.',
    async run({ a, expect }) {
      const load = (id: string): string => `{"type":"load","model":"items","id":${id}}`
      const bodies: readonly (string | Uint8Array)[] = [
        '',
        '{',
        `${load('"x"')} x`,
        `\ufeff${load('"x"')}`,
        '{"type":"load","model":"items","id":"x","id":"y"}',
        '{"type":"load","model":"items","id":"x","__proto__":{"a":1}}',
        load('"\\u0000"'),
        load('"\\ud800"'),
        `{"type":"list","model":"items","query":${'['.repeat(70)}${']'.repeat(70)}}`,
        new Uint8Array([...new TextEncoder().encode('{"type":"load","id":"'), 0xff, 0x22, 0x7d]),
      ]
      for (const body of bodies) {
        const answer = await a.post(body)
        const shown = typeof body === 'string' ? JSON.stringify(body).slice(0, 60) : 'bytes that are no UTF-8'
        expect.error(answer, 'invalid_json', `${shown} must be refused`)
        expect.equal(answer.status, 400, 'and with 400')
      }
    },
  },
  {
    id: 'ENVELOPE-07',
    must: 'A request of no known type or shape MUST be refused as `unknown_source_request`.',
    async run({ a, expect }) {
      for (const request of [
        {},
        { type: 'query' },
        { type: 'load', model: 'items' },
        { type: 'load', model: 7, id: 'x' },
        { type: 'list' },
        { type: 'load', model: 'items', id: '' },
        { type: 'events', cursor: 7 },
      ]) {
        const answer = await a.send(request)
        expect.error(answer, 'unknown_source_request', `${JSON.stringify(request)} must be refused`)
      }
      expect.error(await a.post('[]'), 'unknown_source_request', 'an array must be refused')
    },
  },
  {
    id: 'ENVELOPE-08',
    must: 'A member of a commit, an operation or a query that is not known MUST be refused by its name, never dropped; one of a scope MUST be ignored.',
    async run({ a, id, expect }) {
      const one = id()
      const operation = create('items', one, { title: 'one' })
      const commit = { type: 'commit', correlationId: one, operations: [operation] }
      const refused = [
        { ...commit, guards: [] },
        { ...commit, operations: [{ ...operation, unless: { title: 'one' } }] },
        { type: 'list', model: 'items', query: { filter: [['title', 'one']] } },
      ]
      for (const request of refused) {
        const answer = await a.send(request)
        const shown = JSON.stringify(request)
        expect.equal(
          answer.status,
          400,
          `${shown} may be narrowed by a member that is not read: it must be refused`,
        )
        expect.that(/guards|unless|filter/.test(JSON.stringify(answer.body)), 'and the member be named', {
          received: answer.body,
        })
      }
      const scope = { organizationId: a.tenant, invented: true }
      const answer = await a.send({ ...commit, scope })
      expect.equal(answer.code, undefined, 'an unknown member of a scope must be no reason to refuse')
      expect.equal(answer.replayed, false, 'and what was refused must have used no key')
    },
  },
  {
    id: 'ENVELOPE-09',
    must: 'A refusal MUST carry `error`, `message`, `retryable` and `requestId`.',
    async run({ a, id, expect }) {
      const answer = await a.commit({ type: 'UPDATE', model: 'items', id: id(), input: { title: 'x' } })
      const { error, message, retryable, requestId } = answer.body
      expect.equal(
        [error, typeof message, retryable, typeof requestId],
        ['entity_not_found', 'string', false, 'string'],
        'a refusal must have the members of the protocol',
      )
      const other = await a.load('nothing', 'x')
      expect.that(other.body.requestId !== requestId, 'each request must have an id of its own', {
        received: requestId,
      })
    },
  },
  {
    id: 'ENVELOPE-10',
    must: 'A refusal SHOULD be a problem document (RFC 9457) where the caller accepts one, with the same members.',
    async run({ a, expect }) {
      const answer = await a.send(
        { type: 'load', model: 'nothing', id: 'x' },
        { headers: (signed) => ({ ...signed, accept: 'application/problem+json' }) },
      )
      const { status, error, title, detail, message } = answer.body
      expect.equal(
        [status, error, detail],
        [404, 'source_model_not_configured', message],
        'both vocabularies must agree',
      )
      expect.equal(typeof title, 'string', 'a problem document must have a title')
      const type = answer.headers.get('content-type')
      expect.that(type?.includes('application/problem+json') === true, 'it must say what it is', {
        received: type,
      })
    },
  },
  {
    id: 'ENVELOPE-11',
    must: 'A compressed body MUST be refused with 415: the signature covers the bytes as they are.',
    async run({ a, expect }) {
      const answer = await a.send(
        { type: 'events' },
        { headers: (signed) => ({ ...signed, 'content-encoding': 'gzip' }) },
      )
      expect.error(answer, 'unsupported_encoding', 'an encoded body must be refused')
      expect.equal(answer.status, 415, 'and with 415')
    },
  },
  {
    id: 'ENVELOPE-12',
    must: 'A model that the schema does not have MUST be refused as `source_model_not_configured`.',
    async run({ a, expect }) {
      for (const model of ['nothing', 'constructor', 'conformance_items', 'ITEMS']) {
        const answers = [
          await a.load(model, 'x'),
          await a.list(model),
          await a.commit({ type: 'DELETE', model, id: 'x' }),
        ]
        for (const answer of answers) {
          expect.error(answer, 'source_model_not_configured', `the model ${model} must be refused`)
        }
      }
    },
  },
])
