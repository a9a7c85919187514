import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import pg from 'pg'
import { expect, test, vi } from 'vitest'
import { startPostgres } from './pg-server.ts'

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

test('a restart keeps what was committed, as after a crash', async () => {
  const server = await startPostgres({ durable: true })
  try {
    await query(server.url, 'create table kept (id int); insert into kept values (1)')
    await server.restart()
    expect(await query(server.url, 'select id from kept')).toEqual([{ id: 1 }])
    expect(await query(server.url, 'show fsync')).toEqual([{ fsync: 'on' }])
  } finally {
    await server.stop()
  }
})

test('a stopped server leaves no files', async () => {
  const server = await startPostgres()
  const [row] = await query(server.url, 'show data_directory')
  const directory = String(row?.data_directory)
  expect(existsSync(directory)).toBe(true)
  await server.stop()
  expect(existsSync(directory)).toBe(false)
})

test('a killed parent leaves neither a server nor files', async () => {
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { startPostgres } from ${JSON.stringify(new URL('./pg-server.ts', import.meta.url).href)}
       const { url } = await startPostgres()
       process.stdout.write(url)
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [output] = await once(parent.stdout, 'data')
  const url = String(output)
  const [row] = await query(url, 'show data_directory')
  parent.kill('SIGKILL')
  await vi.waitFor(
    async () => {
      expect(existsSync(String(row?.data_directory))).toBe(false)
      await expect(query(url, 'select 1')).rejects.toThrow()
    },
    { timeout: 10_000, interval: 50 },
  )
})
