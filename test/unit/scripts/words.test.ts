import { expect, test } from 'vitest'
import { proseOf } from '../../../scripts/prose.ts'
import { findingsIn } from '../../../scripts/words.ts'

const found = (file: string, text: string) =>
  findingsIn(proseOf(file, text) ?? '').map(({ line, found }) => `${line} ${found}`)

test('banned phrases are found in comments, docstrings, strings and templates of code', () => {
  const code = [
    '// for whoever has it',
    '/**',
    ' * A text that is',
    ' * no id.',
    ' */',
    "const message = 'rows of nobody'",
    'const other = `$' + '{count} keys went`',
    'run(1) // it stands in the log',
  ].join('\n')
  expect(found('a.ts', code)).toEqual(['1 whoever', '3 is no', '6 nobody', '7 keys went', '8 stands in'])
})

test('banned phrases are found in pages, in the comments of their code, and in SQL', () => {
  expect(found('a.md', 'A key that\nis no key.\n\n```ts\nours() // is ours\n```\n')).toEqual([
    '2 is no',
    '5 ours',
  ])
  expect(found('a.sql', "-- for ever\nraise exception 'it takes no null';")).toEqual([
    '1 for ever',
    '2 takes no',
  ])
})

test('identifiers, names in backticks and values of the wire are not prose', () => {
  expect(found('a.ts', "const nobody = apart(stands, 'ours', `theirs`)")).toEqual([])
  expect(found('a.ts', '// `nobody` and "whoever" are values')).toEqual([])
  expect(found('a.md', 'The status `nobody`.\n\n```sh\nnobody stands\n```\n')).toEqual([])
  expect(found('a.sql', 'select nobody from apart;')).toEqual([])
})

test('a phrase does not go across two strings, and plain English passes', () => {
  expect(found('a.ts', "call('what is', no, 'no id of it')")).toEqual([])
  expect(found('a.md', 'There is no key. It is no longer there.')).toEqual([])
})

test('a finding says what to write instead', () => {
  expect(findingsIn('for whoever calls')).toEqual([
    { line: 1, found: 'whoever', instead: 'any caller, anyone who' },
  ])
})
