import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { toExpress } from '../../src/express/index.ts'
import { createEndpoint, defineSchema, field, model, z } from '../../src/index.ts'
import { toNode } from '../../src/node/index.ts'
import { grants } from '../../src/postgres/install/grants.ts'
import { missingPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { type OpenSource, openSource } from '../support/postgres-source.ts'
import { type Project, project } from './support.ts'

// Each call of the command line is a process of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const schema = defineSchema({
  notes: model({
    fields: { text: z.string(), score: field.numeric().optional() },
    mutable: true,
    capture: true,
  }),
  drafts: model({ fields: { text: z.string() }, mutable: ['CREATE', 'DELETE'] }),
})
const asText = `import { defineSchema, field, model, z } from 'postern'
export const schema = defineSchema({
  notes: model({ fields: { text: z.string(), score: field.numeric().optional() }, mutable: true, capture: true }),
  drafts: model({ fields: { text: z.string() }, mutable: ['CREATE', 'DELETE'] }),
})
`
// Nobody has anything by default, as careful operators have it.
const tables = `
alter default privileges revoke execute on functions from public;
revoke all on schema public from public;
create table notes (id text primary key, organization_id text not null, text text not null, score numeric);
create table drafts (id text primary key, organization_id text not null, text text not null);`

const key = 'sk_of_the_endpoint'
const role = `postern_app_${randomBytes(4).toString('hex')}`
let open: OpenSource
let app: Project
let server: Server
let url: URL
let endpoint: string

beforeAll(async () => {
  open = await openSource({ schema, tables })
  await open.sql(`create role ${role} login`)
  await open.sql(`alter role ${role} set statement_timeout = 10000`)
  for (const statement of grants(role, { tables: schema })) await open.sql(statement)
  await open.sql(`grant usage on schema public to ${role}`)
  url = new URL(open.url)
  url.username = role
  app = project({ 'postern.config.ts': asText })
  server = createServer(toNode(createEndpoint({ signingKey: key, adapter: open.source }))).listen(0)
  await once(server, 'listening')
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/source`
})

afterAll(async () => {
  server.closeAllConnections()
  server.close()
  app[Symbol.dispose]()
  await open.sql(`drop owned by ${role}`)
  await open.sql(`drop role ${role}`)
  await open[Symbol.asyncDispose]()
})

interface Line {
  level: string
  subject: string
  message: string
  fix?: string
}

async function look(command: 'check' | 'doctor', ...args: string[]) {
  const ran = await app.run([command, '--json', ...args], { DATABASE_URL: url.href })
  expect(ran.stderr).toBe('')
  const lines = JSON.parse(ran.stdout) as Line[]
  return { code: ran.code, lines, errors: lines.filter(({ level }) => level === 'error') }
}

test('an ordinary role with the grants of `grants` has nothing to mend; doctor says how everything stands', async () => {
  const { code, lines, errors } = await look('doctor', '--url', endpoint, '--key', key)
  expect({ code, errors }).toEqual({ code: 0, errors: [] })
  expect(lines.filter(({ level }) => level === 'ok').map(({ subject }) => subject)).toEqual([
    'notes',
    'drafts',
    'pooler',
    'server',
    'feed',
    'storage',
    'endpoint',
  ])
  const people = await app.run(['doctor'], { DATABASE_URL: url.href })
  expect(people.stdout).toContain('✓ pooler   direct connection, no pooler between')
})

test('doctor tells a body parser before the endpoint from a database that is not set up', async () => {
  const parsing = express().use(
    express.json(),
    toExpress(createEndpoint({ signingKey: key, adapter: open.source })),
  )
  const server = parsing.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    const { errors } = await look('doctor', '--url', `http://127.0.0.1:${port}/source`, '--key', key)
    expect(errors).toEqual([
      expect.objectContaining({
        subject: 'endpoint',
        message: expect.stringContaining('something in the application reads the body before'),
        fix: expect.stringMatching(/express\.json\(\).*The database is not the reason/),
      }),
    ])
  } finally {
    server.close()
  }
})

/** What is planted, how it is taken out, and what must be said of it. */
const faults: [name: string, plant: string, undo: string, subject: string, kind: string, fix: string][] = [
  [
    'a missing grant on our tables',
    `revoke insert on postern.log from ROLE`,
    `grant insert on postern.log to ROLE`,
    'postern',
    'privilege_missing',
    'grant insert on postern.log to',
  ],
  [
    'a missing grant on a table of the application',
    `revoke delete on drafts from ROLE`,
    `grant delete on drafts to ROLE`,
    'drafts',
    'table_privilege_missing',
    'grant delete on public.drafts to',
  ],
  [
    'a schema that the role may not use',
    `revoke usage on schema postern from ROLE`,
    `grant usage on schema postern to ROLE`,
    'postern',
    'usage_missing',
    'grant usage on schema postern to',
  ],
  [
    'a missing column',
    `alter table notes rename score to points; alter table notes rename text to words`,
    `alter table notes rename points to score; alter table notes rename words to text`,
    'notes',
    'column_missing',
    'alter table public.notes add column score',
  ],
  [
    'every missing column, at once',
    `alter table notes rename score to points; alter table notes rename text to words`,
    `alter table notes rename points to score; alter table notes rename words to text`,
    'notes',
    'column_missing',
    'alter table public.notes add column text',
  ],
  [
    'a column of the wrong type',
    `alter table notes alter score type boolean using false`,
    `alter table notes alter score type numeric using null`,
    'notes',
    'kind_does_not_fit',
    'Declare it as score: z.boolean()',
  ],
  [
    'a missing function',
    `alter function postern.horizon() rename to horizon_gone`,
    `alter function postern.horizon_gone() rename to horizon`,
    'postern',
    'functions_missing',
    'npx postern migrate',
  ],
  [
    'tables of an older version',
    `update postern.migration set version = version - 100; grant select on postern.migration to ROLE`,
    `update postern.migration set version = version + 100`,
    'postern',
    'tables_older',
    'npx postern migrate',
  ],
  [
    'row-level security that the role passes by',
    `alter table drafts enable row level security; alter role ROLE bypassrls`,
    `alter table drafts disable row level security; alter role ROLE nobypassrls`,
    'drafts',
    'row_security_bypassed',
    'force row level security',
  ],
  [
    'a missing primary key',
    `alter table drafts drop constraint drafts_pkey`,
    `alter table drafts add primary key (id)`,
    'drafts',
    'not_a_key',
    'alter table public.drafts add primary key (id)',
  ],
  [
    'a missing capture trigger',
    `alter table notes disable trigger postern_capture_insert`,
    `alter table notes enable trigger postern_capture_insert`,
    'notes',
    'capture_off',
    'enable trigger postern_capture_insert',
  ],
  [
    'a column that no create can fill',
    `alter table drafts add column owner text not null`,
    `alter table drafts drop column owner`,
    'drafts',
    'column_cannot_be_filled',
    'alter column owner set default',
  ],
  [
    'a sequence that followers would skip events of',
    `alter sequence postern.position_seq cache 10`,
    `alter sequence postern.position_seq cache 1`,
    'postern',
    'sequence_cached',
    'alter sequence postern.position_seq cache 1',
  ],
]

describe('check finds, names and tells how to mend', () => {
  test.each(faults)('%s', async (_, plant, undo, subject, kind, fix) => {
    const statements = (text: string): string => text.replaceAll('ROLE', role)
    await open.sql(statements(plant))
    try {
      const { code, errors } = await look('check')
      expect(errors).toContainEqual({
        level: 'error',
        code: kind,
        subject,
        ...(kind === 'column_missing' || kind === 'kind_does_not_fit' ? { field: expect.any(String) } : {}),
        message: expect.any(String),
        fix: expect.stringContaining(fix),
      })
      expect(code).toBe(1)
    } finally {
      await open.sql(statements(undo))
    }
  })

  test('a wrong key, no endpoint, nobody at all', async () => {
    const wrong = await look('check', '--url', endpoint, '--key', 'sk_of_another_endpoint')
    expect(wrong).toMatchObject({
      code: 1,
      errors: [{ subject: 'endpoint', message: expect.stringContaining('does not accept this key') }],
    })
    const [nothing, nobody] = await Promise.all([
      look('check', '--url', 'http://127.0.0.1:1/source', '--key', key),
      app.run(['check', '--url', endpoint], { DATABASE_URL: url.href }),
    ])
    expect(nothing.errors).toEqual([
      expect.objectContaining({ message: 'nobody answers at http://127.0.0.1:1/source' }),
    ])
    expect(nobody).toMatchObject({ code: 2, stderr: expect.stringContaining('give --key') })
  })
})

test('a local time for a default is a warning where the zone is not UTC, and none where it is', async () => {
  const times = defineSchema({
    visits: model({ fields: { at: field.timestamp().optional() }, mutable: true }),
  })
  const tables = `create table visits (id text primary key, organization_id text not null,
    at timestamp default now())`
  const findings = async (timezone: string) => {
    await using one = await openSource({ schema: times, tables, settings: { timezone } })
    return (await one.source.check()).filter(({ code }) => code === 'time_zone_not_utc')
  }
  expect(await findings('UTC')).toEqual([])
  expect(await findings('Europe/London')).toEqual([
    expect.objectContaining({
      level: 'warning',
      subject: 'visits',
      message: expect.stringContaining('the time zone here is Europe/London'),
      fix: expect.stringContaining("now() at time zone 'utc'"),
    }),
  ])
})

test('doctor says that prune does not run, and which follower holds it', async () => {
  await open.sql(
    `insert into postern.ledger (tenant, key, intent, body, at) values ('', 'old', '', '', now() - interval '70 days')`,
  )
  await open.sql(`insert into postern.follower (name, seen_at) values ('gone', now() - interval '31 days'),
    ('relay:search', now() - interval '31 days')`)
  const { code, lines } = await look('doctor')
  const said = lines.filter(({ level }) => level === 'warning').map(({ message }) => message)
  expect(said).toContainEqual(expect.stringContaining('prune does not run'))
  expect(said).toContainEqual(expect.stringMatching(/hold pruning: gone$/))
  // acknowledging would let pruning pass by a relay that goes on
  expect(lines).toContainEqual(
    expect.objectContaining({
      message: expect.stringMatching(/^relays .* hold pruning: search$/),
      fix: expect.stringContaining('relaysOf(adapter).forget(name)'),
    }),
  )
  expect(code).toBe(0)
})

const missing = missingPgBouncer()
test.skipIf(missing)(`doctor knows a pooler by itself${missing ? `: ${missing}` : ''}`, async () => {
  await using pooler = await startPgBouncer(open.url, { default_pool_size: 2 })
  const { stdout } = await app.run(['doctor'], { DATABASE_URL: pooler.url })
  expect(stdout).toContain('a pooler in transaction mode')
})
