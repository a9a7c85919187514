// Keeps the reading line: mounts -> core <- adapters. An import against it, or a circle, fails the build.
import { readFileSync } from 'node:fs'
import { circlesOf } from './circles.ts'
import { filesBelow, importsOf } from './imports.ts'
import { type Room, rooms } from './rooms.ts'

const { dependencies, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const declared = new Set(Object.keys({ ...dependencies, ...peerDependencies }))

const byLength = rooms.toSorted((one, other) => other.path.length - one.path.length)
function roomOf(file: string): Room | undefined {
  return byLength.find(({ path }) => file.startsWith(path))
}

const faults: string[] = []
let upward = 0

for (const [index, { path, below }] of rooms.entries()) {
  const earlier = rooms.slice(0, index).map((room) => room.path)
  for (const name of below) {
    if (!earlier.includes(name)) faults.push(`rooms: ${path} lists ${name}, which is not an earlier room`)
  }
}

const files = new Map(filesBelow('src', '.ts').map((file) => [file, importsOf(file)]))
const fileGraph = new Map<string, string[]>()
const roomGraph = new Map<string, string[]>(rooms.map(({ path }) => [path, []]))
for (const [file, imports] of files) {
  fileGraph.set(file, imports.files)
  const room = roomOf(file)
  if (!room) {
    faults.push(`${file} belongs to no room`)
    continue
  }
  for (const imported of imports.files) {
    const other = roomOf(imported)
    if (!files.has(imported) || !other) {
      // What a build script writes (JSON, SQL as text) belongs to the room beside it.
      if (!imported.startsWith(room.path)) faults.push(`${file} imports ${imported}, which is in no room`)
      continue
    }
    if (other === room) continue
    roomGraph.get(room.path)?.push(other.path)
    if (!room.below.includes(other.path)) {
      upward++
      faults.push(`${file} imports ${imported}: ${room.path} may import only ${room.below.join(', ')}`)
    }
  }
  for (const name of imports.packages) {
    if (room.packages && !room.packages.includes(name)) {
      faults.push(`${file} imports ${name}: ${room.path} may import only ${room.packages.join(', ')}`)
    } else if (!name.startsWith('node:') && !declared.has(name)) {
      faults.push(`${file} imports ${name}, which package.json names neither as dependency nor as peer`)
    }
  }
}
for (const { path } of rooms) {
  if (![...files.keys()].some((file) => roomOf(file)?.path === path))
    faults.push(`rooms: ${path} has no file`)
}

const circles = [...circlesOf(fileGraph), ...circlesOf(roomGraph)]
for (const circle of circles) faults.push(`circle: ${circle.join(' -> ')} -> ${circle[0]}`)

for (const fault of faults) console.error(fault)
console.log(`layers: ${rooms.length} rooms, ${circles.length} circles, ${upward} upward`)
process.exitCode = faults.length ? 1 : 0
