import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { htmlReport } from './html.ts'
import { junitReport } from './junit.ts'
import { markdownReport } from './markdown.ts'
import { jsonReport, type Report } from './report.ts'

/**
 * Writes `report.json`, `junit.xml`, `report.md` and `index.html` into a directory, which is made where it is missing.
 *
 * @returns the path of the page that a person would open
 * @example
 * const run = await runConformance({ url: 'http://localhost:3000/source', key: 'sk_the_key' })
 * await writeReports('reports/mine', { subject: 'mine', startedAt: new Date().toISOString(), runs: [run] })
 */
export async function writeReports(directory: string, report: Report): Promise<string> {
  await mkdir(directory, { recursive: true })
  const page = join(directory, 'index.html')
  await Promise.all([
    writeFile(join(directory, 'report.json'), jsonReport(report)),
    writeFile(join(directory, 'junit.xml'), junitReport(report)),
    writeFile(join(directory, 'report.md'), markdownReport(report)),
    writeFile(page, htmlReport(report)),
  ])
  return page
}
