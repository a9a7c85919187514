import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { memoryAdapter } from '../../../src/adapters/memory/index.ts'
import {
  conformanceSchema,
  consoleHooks,
  htmlReport,
  jsonReport,
  junitReport,
  markdownReport,
  type Report,
  runConformance,
  summaryLine,
} from '../../../src/conformance/index.ts'
import { writeReports } from '../../../src/conformance/reports/files.ts'

const said: string[] = []

/** An adapter whose rows carry markup, so that a report that does not escape shows it. */
async function reported(): Promise<Report> {
  const real = memoryAdapter(conformanceSchema)
  const adapter = {
    ...real,
    load: async () => '{"row":{"title":"<script>alert(\\"1\\")</script> & ``` \\u0001"},"stamp":1}',
  }
  const run = await runConformance(
    { adapter, only: ['COMMIT-01', 'COMMIT-02', 'FEED-16'], seed: 'fixed' },
    { variant: 'one <variant>', ...consoleHooks({ write: (text) => said.push(text) }) },
  )
  return {
    subject: 'a & b',
    startedAt: '2026-01-02T03:04:05.000Z',
    command: 'npm run conformance --',
    runs: [run],
  }
}

const report = await reported()
const directories: string[] = []
afterAll(async () => {
  for (const directory of directories) await rm(directory, { recursive: true })
})

test('the last line counts passed, failed and skipped', () => {
  expect(summaryLine(report)).toBe('conformance a & b: 1 passed, 1 failed, 1 skipped')
})

test('the console tells a failure at once and each level at its end', () => {
  const text = said.join('')
  expect(text).toContain('✗ COMMIT-02 A load after a commit MUST give the row')
  expect(text).toMatch(/✗ Commits: .*: 1 passed, 1 failed \(\d+\.\d s\)/)
  expect(text).toMatch(/✓ The feed: .*: 0 passed, 1 skipped/)
})

test('JSON carries everything, and the counts', () => {
  const read = JSON.parse(jsonReport(report)) as Report & { summary: unknown }
  expect(read.summary).toEqual({ passed: 1, failed: 1, skipped: 1 })
  expect(read.runs).toEqual(JSON.parse(JSON.stringify(report.runs)))
})

test('JUnit XML is well formed whatever the values, and counts as CI systems read it', () => {
  const xml = junitReport(report)
  expect(xml).toContain('<testsuites name="conformance a &amp; b" tests="3" failures="1" skipped="1">')
  expect(xml).toContain('&lt;script&gt;')
  expect(xml).not.toContain('\u0001')
  const opened = [...xml.matchAll(/<(\w+)(?=[\s>])[^<>]*(?<!\/)>/g)].map(([, name]) => name)
  const closed = [...xml.matchAll(/<\/(\w+)>/g)].map(([, name]) => name)
  expect(opened.sort()).toEqual(closed.sort())
})

test('Markdown fences values so that none of them ends the fence', () => {
  const text = markdownReport(report)
  expect(text).toContain('### COMMIT-02, one <variant>')
  expect(text).toContain('````\n')
  expect(text).toContain('- FEED-16: needs probe.points')
  expect(text).toContain('npm run conformance -- --only COMMIT-02 --seed fixed')
})

test('the HTML page needs nothing beside itself, and runs nothing that a row says', () => {
  const page = htmlReport(report)
  expect(page).not.toMatch(/<script|<link|src=|url\(|@import/)
  expect(page).toContain('&lt;script&gt;alert')
  expect(page).toContain('does not conform')
  expect(page).toContain('Again: <code>npm run conformance -- --only COMMIT-02 --seed fixed</code>')
})

test('all four are written into a directory of their own', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'postern-report-'))
  directories.push(directory)
  const page = await writeReports(path.join(directory, 'deep', 'er'), report)
  expect(await readFile(page, 'utf8')).toBe(htmlReport(report))
  const names = (await readdir(path.dirname(page))).sort()
  expect(names).toEqual(['index.html', 'junit.xml', 'report.json', 'report.md'])
})
