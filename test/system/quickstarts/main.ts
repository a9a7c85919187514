// npm run test:quickstarts [-- next]: a newcomer in an empty folder, with the page in front of them and the package as
// it would be published. Its files are written, its commands typed, and what it says one sees must be what one sees.
// It wants a registry to install from, and takes some minutes. The last line counts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { quickStarts } from '../../docs/markdown.ts'
import { startPostgres } from '../../support/pg-server.ts'
import { follow } from './follow.ts'
import { packPackage } from './pack.ts'

const [wanted = ''] = process.argv.slice(2)
const pages = Object.keys(quickStarts).filter((page) => page.includes(wanted))

const directory = mkdtempSync(join(tmpdir(), 'postern-quickstarts-'))
const server = await startPostgres()
let failed = 0
try {
  const tarball = packPackage(directory)
  for (const [index, page] of pages.entries()) {
    const started = performance.now()
    const database = `newcomer_${index}`
    const admin = new pg.Client(server.url)
    await admin.connect()
    await admin.query(`create database ${database}`)
    await admin.end()
    const url = new URL(server.url)
    url.pathname = `/${database}`
    console.log(`\n# ${page}`)
    try {
      await follow(page, { folder: mkdtempSync(join(directory, 'folder-')), tarball, databaseUrl: url.href })
      console.log(`followed in ${Math.round((performance.now() - started) / 1000)} s`)
    } catch (error) {
      failed++
      console.error(error instanceof Error ? error.message : error)
    }
  }
} finally {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}
console.log(`\nquick starts: ${pages.length - failed} followed, ${failed} failed`)
process.exitCode = failed > 0 || pages.length === 0 ? 1 : 0
