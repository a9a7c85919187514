import type { CheckContext } from '../check.ts'
import { checks } from '../check.ts'
import { makeAll } from './steps.ts'

/** Rows of `values`, found by one condition, as the places of their inputs. */
async function places(
  context: CheckContext,
  field: string,
  values: readonly unknown[],
  cases: readonly (readonly [string, unknown, readonly number[]])[],
): Promise<void> {
  const { a, expect } = context
  const ids = await makeAll(
    context,
    a,
    'values',
    [...values, null].map((value) => ({ [field]: value, flag: true })),
  )
  for (const [operator, value, expected] of cases) {
    const { rows } = await a.list('values', {
      where: [
        ['id', 'IN', ids],
        [field, operator, value],
      ],
    })
    const found = rows.map((row) => ids.indexOf(row?.id as string)).sort((one, other) => one - other)
    expect.equal(found, expected, `${field} ${operator} ${JSON.stringify(value)} must compare by value`)
  }
}

/** Values of every kind are compared by what they are, not by how they are written. */
export const comparisonChecks = checks('query', [
  {
    id: 'QUERY-17',
    must: 'Whole numbers and decimals MUST be compared by value, with all their digits.',
    models: ['values'],
    async run(context) {
      await places(
        context,
        'big',
        ['-5', '9007199254740992', '9007199254740993', '10'],
        [
          ['=', '9007199254740993', [2]],
          ['>', '9007199254740992', [2]],
          ['<', '9', [0]],
          ['IN', ['10', '9007199254740992'], [1, 3]],
          ['NOT IN', ['10'], [0, 1, 2]],
          ['!=', '-5', [1, 2, 3]],
        ],
      )
      await places(
        context,
        'exact',
        ['1.50', '9.9', '10', '-0.1', '0.30000000000000000001'],
        [
          ['=', '1.5', [0]],
          ['>', '9.9', [2]],
          ['<=', '0.3', [3]],
          ['IN', ['10.000', '9.90'], [1, 2]],
          ['!=', '10.0', [0, 1, 3, 4]],
        ],
      )
    },
  },
  {
    id: 'QUERY-18',
    must: 'Times, dates, UUIDs, booleans, enums and bytes MUST be compared by value.',
    models: ['values'],
    async run(context) {
      await places(
        context,
        'at',
        ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00.000002Z', '2025-12-31T23:00:00Z'],
        [
          ['=', '2026-01-01T01:00:00.000001+01:00', [0]],
          ['>', '2026-01-01T00:00:00.000001Z', [1]],
          ['<', '2026-01-01T00:00:00Z', [2]],
        ],
      )
      await places(
        context,
        'day',
        ['2026-01-01', '2025-12-31', '0999-01-01'],
        [
          ['=', '2026-01-01', [0]],
          ['<', '2026-01-01', [1, 2]],
        ],
      )
      await places(
        context,
        'ref',
        ['6f1c2e9a-0b3d-4c5e-8f70-123456789abc', '7f1c2e9a-0b3d-4c5e-8f70-123456789abc'],
        [
          ['=', '6F1C2E9A-0B3D-4C5E-8F70-123456789ABC', [0]],
          ['IN', ['7f1c2e9a-0b3d-4c5e-8f70-123456789abc'], [1]],
        ],
      )
      await places(context, 'flag', [], [['=', true, [0]]])
      await places(
        context,
        'mood',
        ['calm', 'très content'],
        [
          ['=', 'très content', [1]],
          ['!=', 'calm', [1]],
          ['IN', ['calm'], [0]],
        ],
      )
      await places(
        context,
        'bytes',
        ['AA==', 'AAE='],
        [
          ['=', 'AAE=', [1]],
          ['!=', 'AAE=', [0]],
        ],
      )
    },
  },
  {
    id: 'QUERY-19',
    must: 'Booleans MUST also be found by IS and IS NOT, where IS NOT true holds for missing values.',
    models: ['values'],
    async run(context) {
      const { a, expect } = context
      const ids = await makeAll(context, a, 'values', [{ flag: true }, { flag: false }, {}])
      const found = async (operator: string, value: unknown): Promise<unknown[]> =>
        (
          await a.list('values', {
            where: [
              ['id', 'IN', ids],
              ['flag', operator, value],
            ],
          })
        ).rows.map((row) => ids.indexOf(row?.id as string))
      expect.equal(await found('IS', true), [0], 'IS true must find what is true')
      expect.equal(
        await found('IS NOT', true),
        [1, 2],
        'IS NOT true must find what is false and what is missing',
      )
      expect.equal(await found('IS', false), [1], 'IS false must find what is false')
    },
  },
])
