// Writes the help of each command into docs/cli.md: `node --conditions=postern-source scripts/docs-cli.ts`. A test fails
// when the page is not current. A block that begins with `Usage: postern <command>` is that command's.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createProgram } from '../src/cli/program.ts'
import { conformUsage } from '../src/conformance/command.ts'

const page = join(import.meta.dirname, '../docs/cli.md')

/** Every command with its help, by what one types: `send load`. */
export function helps(): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (command: Command, path: readonly string[]): void => {
    const name = path.join(' ')
    if (path.length > 0 && name !== 'conform') found.set(name, command.helpInformation())
    for (const one of command.commands) walk(one, [...path, one.name()])
  }
  walk(createProgram(), [])
  return found.set('conform', `${conformUsage}\n`)
}

/** The page with the help that the program gives now. */
export function cliPage(text = readFileSync(page, 'utf8')): string {
  const known = helps()
  return text.replace(/^```text\n(?:Usage: )?postern ([^\n]*)\n[\s\S]*?^```$/gm, (block, line: string) => {
    const words = line.split(' ')
    const help = known.get(words.slice(0, 2).join(' ')) ?? known.get(words[0] ?? '')
    return help === undefined ? block : `\`\`\`text\n${help.trimEnd()}\n\`\`\``
  })
}

if (import.meta.main) writeFileSync(page, cliPage())
