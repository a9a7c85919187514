import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { namesOf } from '../../src/testing/names.ts'
import { majors } from '../support/postgres-source.ts'
import { serverUrl, shop } from './shop.ts'

/** A process of its own, and what it said first. */
async function start(...parameters: string[]): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(
    process.execPath,
    ['--conditions=postern-source', join(import.meta.dirname, 'child.ts'), ...parameters],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const [said] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  return { child, said: String(said).trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

test.each(majors)(
  'Postgres %i: of a process that is killed nothing is left after the next sweep',
  async (major) => {
    const base = shop({ major })
    const names = namesOf(base.name)
    const client = new pg.Client(serverUrl(major))
    await client.connect()
    onTestFinished(() => client.end())
    const databases = async (): Promise<string[]> => {
      const { rows } = await client.query('select datname from pg_database where starts_with(datname, $1)', [
        names.base,
      ])
      return rows.map(({ datname }) => datname)
    }
    /** The server learns of a death when it next looks at the connection: at once, or after its statement. */
    const mourned = () =>
      expect
        .poll(async () => {
          const { rows } = await client.query(
            `select from pg_locks where locktype = 'advisory' and classid::text = $1`,
            [String(names.key >>> 0)],
          )
          return rows.length
        })
        .toBe(0)

    const filling = await start(serverUrl(major), base.name, 'populate')
    await base.sweep()
    expect(await databases()).toEqual([names.draft])
    await kill(filling.child)
    await mourned()
    await base.sweep()
    expect(await databases()).toEqual([])

    const { child, said } = await start(serverUrl(major), base.name, 'attached')
    const sessions = said.split(' ')
    expect(sessions).toHaveLength(2)
    await base.sweep()
    expect(await databases()).toEqual(expect.arrayContaining(sessions))
    await kill(child)
    await mourned()
    await base.sweep()
    expect(await databases()).toEqual([names.base])
  },
  120_000,
)
