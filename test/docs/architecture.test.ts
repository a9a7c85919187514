import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { rooms } from '../../scripts/rooms.ts'
import { read, root } from './markdown.ts'

const page = read('ARCHITECTURE.md')
const table = page.slice(page.indexOf('\n## Rooms'), page.indexOf('\nTests:'))
const named = [...table.matchAll(/`(src\/[\w/.-]+)`/g)].map(([, room = '']) => room)

test('ARCHITECTURE.md names every room', () => {
  const missing = rooms
    .map(({ path: room }) => room.replace(/\/$/, ''))
    .filter((room) => !named.includes(room))
  expect(missing).toEqual([])
})

test('ARCHITECTURE.md names no room that is not there', () => {
  const known = rooms.map(({ path: room }) => room.replace(/\/$/, ''))
  expect(named.filter((room) => !known.includes(room))).toEqual([])
})

test('every file and folder that ARCHITECTURE.md names is there', () => {
  const places = [...page.matchAll(/`((?:src|test|scripts)\/[\w/.-]+)`/g)].map(([, place = '']) => place)
  expect(places.length).toBeGreaterThan(30)
  expect(places.filter((place) => !/NAME/.test(place) && !existsSync(path.join(root, place)))).toEqual([])
})
