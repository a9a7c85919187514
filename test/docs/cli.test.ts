import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { expect, test } from 'vitest'
import { cliPage, helps } from '../../scripts/docs-cli.ts'
import type { Endpoint } from '../../src/index.ts'
import { toNode } from '../../src/node/index.ts'
import { project } from '../cli/support.ts'
import { freshDatabase } from '../support/db.ts'
import { blocksOf, read } from './markdown.ts'

const page = 'docs/cli.md'

test('docs/cli.md shows the help that the program gives; if not, run node --conditions=postern-source scripts/docs-cli.ts', () => {
  expect(read(page)).toBe(cliPage())
})

test('docs/cli.md shows the help of every command', () => {
  const text = read(page)
  const missing = [...helps()].filter(([, help]) => !text.includes(help.trimEnd())).map(([name]) => name)
  expect(missing).toEqual([])
})

test('following the page, each command prints what the page says', async () => {
  const blocks = blocksOf(page)
  const texts = blocks
    .filter(({ language, text }) => language === 'text' && !/^(Usage: )?postern /.test(text))
    .map(({ text }) => text)
  const [init, migrated, checked, committed, down, faulty] = texts
  expect(texts.length).toBe(6)

  await using database = await freshDatabase()
  const client = new pg.Client(database.url)
  await client.connect()
  await client.query(blocks.find(({ language }) => language === 'sql')?.text ?? '')
  const address = new URL(database.url)
  // as a careful operator has it: neither superuser nor without end
  const role = `postern_docs_${Date.now().toString(36)}`
  await client.query(`create role ${role} login; alter role ${role} set statement_timeout = 10000;
    grant create on database ${address.pathname.slice(1)} to ${role}; alter table tasks owner to ${role}; alter table projects owner to ${role}`)
  address.username = role
  using app = project({
    'package.json': JSON.stringify({
      dependencies: { next: '*', 'drizzle-orm': '*', pg: '*', postern: '*' },
    }),
    'tsconfig.json': '{ "compilerOptions": { "moduleResolution": "bundler" } }',
    '.gitignore': '.env*\n',
    '.env.local': `DATABASE_URL=${address.href}\n`,
    'src/app/page.tsx': 'export default () => null\n',
    'task.json': blocks.find(({ language }) => language === 'json')?.text ?? '',
  })
  try {
    /** The command as the page has it, with the address of the server of this test. */
    const follow = async (start: string, endpoint = ''): Promise<string> => {
      const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n'))
      const line = lines.find((one) => one.startsWith(`npx postern ${start}`)) ?? `npx postern ${start}`
      const args = line
        .replace(/http:\S+/, endpoint)
        .split(' ')
        .slice(2)
      const { stdout, stderr } = await app.run(args)
      return stdout + stderr.replace(/^postern: .*\n/m, '')
    }
    expect(await follow('init --yes')).toBe(init)
    expect(
      (await follow('migrate'))
        .replace(/1[\d, ]*;/, '1, ...;')
        .replace(/\d+ statements/, 'N statements')
        .replace(/digest \w+/, 'digest D'),
    ).toBe(migrated)
    const { rows } = await client.query(
      `select setting = 'off' as unsafe from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting = 'off'`,
    )
    const check = await follow('check')
    // servers of tests may be told not to wait for disks
    expect(
      rows.length > 0
        ? check
            .replace(/^! server[^\n]*\n[^\n]*\n/gm, '')
            .replace(/^0 errors, \d warnings?\.$/m, 'All is well.')
        : check,
    ).toBe(checked)

    process.loadEnvFile(join(app.directory, '.env.local'))
    const load = (name: string) => import(pathToFileURL(join(app.directory, 'src/lib', name)).href)
    const { endpoint } = (await load('endpoint.ts')) as { endpoint: Endpoint }
    const server = createServer(toNode(endpoint)).listen(0)
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/source`
    expect(await follow('send commit', url)).toBe(committed)
    expect(await follow('send list', url)).toContain("title: 'Paint the door'")
    server.closeAllConnections()
    server.close()

    expect(await follow('migrate --down')).toBe(down)
    await client.query('alter table tasks rename title to headline')
    const found = await follow('check')
    expect(found.replace(/^! server[^\n]*\n[^\n]*\n/gm, '').replace(/\d warnings?\./, '0 warnings.')).toBe(
      faulty,
    )
  } finally {
    delete process.env.POSTERN_KEY
    delete process.env.DATABASE_URL
    await client.query(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`)
    await client.end()
  }
}, 240_000)
