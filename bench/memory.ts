import { readFileSync } from 'node:fs'
import v8 from 'node:v8'
import vm from 'node:vm'
import { serverAdapterNamed } from '../test/support/adapters.ts'
import type { BenchDatabase } from './database.ts'
import { engineUpdate } from './engine.ts'
import { schema } from './schema.ts'

const CLIENTS = 16

/** Commits by sixteen clients, and what the process and one session of the server hold every tenth of the way. */
export async function* measureMemory(database: BenchDatabase, commits: number): AsyncGenerator<string> {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc') as () => void
  const library = await serverAdapterNamed('pg').open(await database.url(0), { schema, max: CLIENTS })
  const { step } = engineUpdate('pg', library.adapter, CLIENTS)
  const started = performance.now()
  let done = 0
  try {
    for (let tenth = 0; tenth <= 10; tenth += 1) {
      const until = Math.floor((commits * tenth) / 10)
      await Promise.all(
        Array.from({ length: CLIENTS }, async (_, client) => {
          while (done < until) {
            done += 1
            await step(client)
          }
        }),
      )
      collect()
      const { heapUsed, rss } = process.memoryUsage()
      const session = await sessionBytes(database)
      const seconds = (performance.now() - started) / 1000
      yield `${String(done).padStart(9)} commits  heap ${mb(heapUsed)}  process ${mb(rss)}  largest session of the server ${session === null ? '-' : mb(session)}  ${seconds.toFixed(0)} s`
    }
  } finally {
    await library.close()
  }
}

const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1).padStart(6)} MB`

/** Memory of its own that the largest session holds; null where /proc does not say. */
async function sessionBytes({ admin }: BenchDatabase): Promise<number | null> {
  const { rows } = await admin.query(
    `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
  )
  try {
    const sizes = rows.map(({ pid }) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1024
    })
    return sizes.length === 0 ? null : Math.max(...sizes)
  } catch {
    return null
  }
}
