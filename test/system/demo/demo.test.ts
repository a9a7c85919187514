import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { steps } from '../../../demo/steps.ts'
import { blocksOf } from '../../docs/markdown.ts'

// Each is a process with a database of its own.
vi.setConfig({ testTimeout: 120_000 })

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-demo-'))
  // As /tmp is: the embedded server runs as another user where we are root, and removes its own files.
  chmodSync(directory, 0o1777)
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

interface Run {
  code: number
  output: string
}

/** Runs the demo as npm does, with its temporary files where they can be counted. */
function runDemo(options: { args?: string[]; node?: string[] } = {}): Promise<Run> {
  const { args = [], node = [] } = options
  const parameters = ['--conditions=postern-source', ...node, 'demo/main.ts', ...args]
  const env = { ...process.env, TMPDIR: directory, FORCE_COLOR: undefined }
  return new Promise((resolve) => {
    execFile(process.execPath, parameters, { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr })
    })
  })
}

/** What is in the demo's temporary directory, but for the server's binaries, which a closed checkout copies once. */
const leftovers = (): string[] =>
  readdirSync(directory).filter((name) => !/embedded|compile-cache/.test(name))

/** What differs from run to run: figures, and which of the two agents is first. */
const lasting = (line: string): string =>
  line
    .replace(/\d+/g, '0')
    .replace(/planner|worker/g, 'agent')
    .replace(/'(doing|done)'/, "'status'")

const shownInReadme = blocksOf('README.md').find(({ language }) => language === 'text')?.text ?? ''

for (const [what, args] of [
  ['an embedded Postgres', []],
  ['PGlite', ['--pglite']],
] as const) {
  test(`npm run demo does every step on ${what}, prints what the README shows, and leaves no files`, async () => {
    const { code, output } = await runDemo({ args: [...args] })
    expect(output).toContain(`All ${steps.length} steps did what they say`)
    expect(code).toBe(0)
    for (const [index, { name }] of steps.entries()) expect(output).toContain(`${index + 1}. ${name}\n`)
    const printed = new Set(output.split('\n').map(lasting))
    expect(shownInReadme.split('\n').filter((line) => !printed.has(lasting(line)))).toEqual([])
    expect(output).not.toContain('\x1b')
    expect(leftovers()).toEqual([])
  })
}

test('a step that does not do what it says ends the demo with its name and exit code 1', async () => {
  // An endpoint that lets the tampered request in: whatever was refused with 401 comes back as an accepted commit.
  const lenient = `const real = globalThis.fetch
    globalThis.fetch = async (...given) => {
      const response = await real(...given)
      return response.status === 401 ? Response.json({ rows: [null], stamps: [null] }) : response
    }`
  const preload = `data:text/javascript,${encodeURIComponent(lenient)}`
  const { code, output } = await runDemo({ node: ['--import', preload] })
  expect(output).toContain('The step "A tampered request is refused" failed')
  expect(output).not.toContain('steps did what they say')
  expect(code).toBe(1)
  expect(leftovers()).toEqual([])
})
