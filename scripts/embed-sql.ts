// Writes src/postgres/sql/*.sql into one module, for the published package reads no files. `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs'
import { filesBelow } from './imports.ts'

const target = 'src/postgres/sql/embedded.ts'

/** A statement ends with a line that ends with a semicolon, outside of a function's body. */
function statementsOf(text: string): string[] {
  const statements: string[] = []
  let lines: string[] = []
  let inBody = false
  for (const line of text.split('\n')) {
    if (lines.length === 0 && line.trim() === '') continue
    lines.push(line)
    if ((line.match(/\$\$/g) ?? []).length % 2 === 1) inBody = !inBody
    if (inBody || line.startsWith('--') || !line.endsWith(';')) continue
    statements.push(lines.join('\n').slice(0, -1))
    lines = []
  }
  if (lines.length > 0) throw new Error(`A statement does not end: ${lines[0]}`)
  return statements
}

const KINDS = 'schema|table|sequence|type|domain|index|view|function|trigger'
const made = new RegExp(
  String.raw`^((?:--[^\n]*\n)*)(?:create(?: or replace)?|alter) (${KINDS}) (?:{{schema}}\.)?(\w+)\s?([^]*)$`,
)
const DATA = /^(?:insert into|delete from|update) (?:{{schema}}\.)?(\w+)/

/** What the module says of one statement: a function in front of and within its body, an index behind its name. */
function described(text: string): object {
  const [, , kind, name, rest = ''] = made.exec(text) ?? []
  if (kind === 'function') {
    const [head, body, ...more] = text.split('$$')
    if (body === undefined || more.join('') !== '') throw new Error(`Not a function with one body: ${text}`)
    return { kind, name, head, body }
  }
  if (kind === 'index') return { kind, name, definition: rest }
  // a domain is a type in the catalog
  if (kind !== undefined) return { kind: kind === 'domain' ? 'type' : kind, name, text }
  const data = DATA.exec(text)?.[1]
  if (data === undefined) throw new Error(`Neither its kind nor its name can be told: ${text}`)
  return { kind: 'data', name: data, text }
}

const members = filesBelow('src/postgres/sql', '.sql').map((file) => {
  const name = file.replace(/^.*\/|\.sql$/g, '')
  const statements = statementsOf(readFileSync(file, 'utf8')).map(described)
  return `  '${name}': [\n${statements.map((one) => `    ${JSON.stringify(one)},\n`).join('')}  ],\n`
})
const text = `// Made by scripts/embed-sql.ts from the .sql files beside it; edit those.
import type { Template } from './statement.ts'

export const embedded = {
${members.join('')}} satisfies Record<string, readonly Template[]>
`
if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8').replaceAll('\r\n', '\n') !== text) {
  console.error(`${target} is out of date: run \`npm run embed:sql\``)
  process.exitCode = 1
}
