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
    if (inBody || !line.endsWith(';')) continue
    statements.push(lines.join('\n').slice(0, -1))
    lines = []
  }
  if (lines.length > 0) throw new Error(`A statement does not end: ${lines[0]}`)
  return statements
}

const members = filesBelow('src/postgres/sql', '.sql').map((file) => {
  const name = file.replace(/^.*\/|\.sql$/g, '')
  const statements = statementsOf(readFileSync(file, 'utf8'))
  return `  '${name}': [\n${statements.map((one) => `    ${JSON.stringify(one)},\n`).join('')}  ],\n`
})
const text = `// Made by scripts/embed-sql.ts from the .sql files beside it; edit those.
export const embedded = {
${members.join('')}} as const satisfies Record<string, readonly string[]>
`
if (!process.argv.includes('--check')) writeFileSync(target, text)
else if (readFileSync(target, 'utf8').replaceAll('\r\n', '\n') !== text) {
  console.error(`${target} is out of date: run \`npm run embed:sql\``)
  process.exitCode = 1
}
