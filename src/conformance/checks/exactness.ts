import { checks } from '../check.ts'
import { create } from '../source.ts'
import { refused } from './round-trip.ts'

/** What is no exact value is refused, and what is stored is what was sent. */
export const exactnessChecks = checks(
  'values',
  [
    {
      id: 'VALUE-19',
      must: 'What is no exact bigint, numeric or time MUST be refused: databases would round it, roll it over or drop an offset.',
      async run(context) {
        await refused(context, 'big', [
          '9223372036854775808',
          '-9223372036854775809',
          '1.0',
          '1e3',
          '05',
          '',
          ' 1',
          1.5,
          true,
          '0x10',
        ])
        await refused(context, 'exact', ['1,5', '1.', '.5', 'NaN', 'Infinity', '1e5', '', '--1', '01'])
        await refused(context, 'at', [
          '2026-01-02T03:04:05.1234567Z',
          '2026-01-02T24:00:00Z',
          '2026-02-30T00:00:00Z',
          '2026-01-02T03:04:60Z',
          '2026-01-02T03:04:05',
          '2026-01-02',
          '2026-01-02 03:04:05Z',
          'Infinity',
          'now',
          1767323045,
        ])
      },
    },
    {
      id: 'VALUE-20',
      must: 'What is no exact date, UUID, base64, boolean or number MUST be refused.',
      async run(context) {
        await refused(context, 'day', [
          '2026-02-29',
          '2026-1-1',
          '2026-13-01',
          '2026-01-01T00:00:00Z',
          'today',
          '0000-01-01',
        ])
        await refused(context, 'ref', [
          '6f1c2e9a0b3d4c5e8f70123456789abc',
          '{6f1c2e9a-0b3d-4c5e-8f70-123456789abc}',
          'x',
          '',
        ])
        await refused(context, 'bytes', ['A', 'AA', 'AA=', '\\x41', 'A===', 'a b=', '-_8='])
        await refused(context, 'flag', ['true', 1, 0, 'yes'])
        await refused(context, 'count', [2147483648, -2147483649, 0.5, '1', true])
        await refused(context, 'tags', ['a', { 0: 'a' }, [1], [['a']]])
      },
    },
    {
      id: 'VALUE-21',
      must: 'A value with more digits than its column keeps MUST be refused or kept whole, never rounded.',
      async run({ a, id, expect }) {
        for (const price of ['1.50', '-0.01', '999999999999.99']) {
          const answer = await a.commit(create('values', id(), { price }))
          expect.equal(Number(answer.only.price), Number(price), `price ${price} must be kept`)
        }
        for (const price of ['1.234', '0.005', '-1.999']) {
          const one = id()
          const answer = await a.commit(create('values', one, { price }))
          if (answer.code === undefined)
            expect.equal(answer.only.price, price, `price ${price} must not be rounded`)
          else
            expect.error(
              answer,
              'source_commit_invalid',
              `price ${price} must be refused as a fault of the value`,
            )
        }
      },
    },
    {
      id: 'VALUE-22',
      must: 'The store MUST hold the very value that was sent, not one that merely reads back alike.',
      needs: ['row'],
      async run({ a, id, expect, probe }) {
        const one = id()
        const sent = {
          text: 'é 😀 "x"',
          big: '9007199254740993',
          exact: '123456789012345678901234567890.1234567890',
          count: -7,
        }
        await a.commit(create('values', one, sent))
        const stored = await probe.row('values', one)
        expect.equal(
          [stored?.text, stored?.big, stored?.exact, stored?.count, stored?.doc],
          [sent.text, sent.big, sent.exact, '-7', null],
          'the store must hold what was sent',
        )
      },
    },
    {
      id: 'VALUE-23',
      must: 'Values that an application wrote MUST be read without loss.',
      needs: ['write'],
      async run({ a, id, expect, probe }) {
        const one = id()
        const written = {
          text: 'written\nelsewhere',
          flag: false,
          count: 7,
          big: '9007199254740993',
          exact: '0.1234567890123456789012345678901234567890',
          at: '2026-01-02T03:04:05.123456Z',
          day: '2026-01-02',
          ref: '6f1c2e9a-0b3d-4c5e-8f70-123456789abc',
          tags: ['a,b', '"c"'],
          mood: 'très content',
        }
        await probe.write('values', { id: one, organizationId: a.tenant, ...written })
        const { row } = await a.load('values', one)
        const read = Object.fromEntries(Object.keys(written).map((name) => [name, row?.[name]]))
        expect.equal(read, written, 'values must be read as they are, whoever wrote them')
      },
    },
    {
      id: 'VALUE-24',
      must: 'NUL and lone surrogates MUST be refused in every text, a key or an id among them.',
      async run({ a, id, expect }) {
        for (const bad of ['a\u0000b', 'a\ud800b']) {
          const answers = [
            await a.commit(create('values', id(), { text: bad })),
            await a.commit(create('values', id(), { doc: { text: [bad] } })),
            await a.commit(create('values', id(), { tags: [bad] })),
            await a.commit(create('values', `${id()}${bad}`, {})),
            await a.commit(create('values', id(), {}), { key: bad }),
            await a.list('values', { where: [['text', bad]] }),
            await a.load('values', bad),
          ]
          for (const answer of answers) {
            expect.equal(answer.status, 400, 'text that stores mangle or merge must be refused')
          }
        }
      },
    },
  ],
  ['values'],
)
