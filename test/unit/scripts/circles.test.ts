import { expect, test } from 'vitest'
import { circlesOf } from '../../../scripts/circles.ts'

const graph = (edges: Record<string, string[]>) => new Map(Object.entries(edges))

test('a graph without a circle has none, however many ways lead to a node', () => {
  expect(circlesOf(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }))).toEqual([])
})

test('a circle is found from wherever it is entered, and told once', () => {
  expect(circlesOf(graph({ outside: ['b'], a: ['b'], b: ['c'], c: ['a'] }))).toEqual([['a', 'b', 'c']])
})

test('two separate circles are told as two', () => {
  expect(circlesOf(graph({ a: ['b'], b: ['a'], c: ['d'], d: ['c'] }))).toEqual([
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('an import of itself is a circle', () => {
  expect(circlesOf(graph({ a: ['a'] }))).toEqual([['a']])
})

test('what is imported from outside the graph is no circle', () => {
  expect(circlesOf(graph({ a: ['elsewhere'] }))).toEqual([])
})
