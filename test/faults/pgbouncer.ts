import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort } from './port.ts'

/** Why there is no PgBouncer here; undefined where there is one. */
export function whyNoPgBouncer(): string | undefined {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `pgbouncer is not installed (apt-get install pgbouncer): ${(error as NodeJS.ErrnoException).code}`
  }
}

export interface PgBouncer extends AsyncDisposable {
  /** The database, by way of PgBouncer. */
  url(databaseUrl: string): string
}

/** PgBouncer in transaction mode. With one connection to the server, whoever comes next gets what the last one left. */
export async function startPgBouncer(serverUrl: string, poolSize = 1): Promise<PgBouncer> {
  const server = new URL(serverUrl)
  const port = await freePort()
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-bouncer-'))
  const config = path.join(directory, 'pgbouncer.ini')
  fs.writeFileSync(
    config,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`,
  )
  // it refuses to run as root
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  if (user.length > 0) fs.chmodSync(directory, 0o755)
  const child = spawn('pgbouncer', [...user, config], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (log.includes('process up')) resolve()
    })
    child.once('exit', () => reject(new Error(`PgBouncer did not start:\n${log}`)))
  })
  const stop = async (): Promise<void> => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    fs.rmSync(directory, { recursive: true, force: true })
  }
  return {
    url(databaseUrl) {
      const url = new URL(databaseUrl)
      url.hostname = '127.0.0.1'
      url.port = String(port)
      return url.href
    },
    [Symbol.asyncDispose]: stop,
  }
}
