import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { freePort } from './port.ts'

/** Why there is no PgBouncer here, for the name of a test that is skipped; undefined when there is one. */
export function missingPgBouncer(): string | undefined {
  const found = !spawnSync(binary(), ['--version']).error
  return found ? undefined : 'pgbouncer is not installed (on Debian: apt-get install pgbouncer)'
}

/** Why it cannot keep prepared statements for its clients; undefined when it can. */
export function forgetsStatements(): string | undefined {
  const [, minor] =
    /PgBouncer 1\.(\d+)/.exec(spawnSync(binary(), ['--version']).stdout?.toString() ?? '') ?? []
  return Number(minor) >= 21 ? undefined : `PgBouncer 1.${minor}; 1.21 keeps prepared statements`
}

/** Debian puts it where only root's PATH looks. */
const binary = (): string => ['/usr/sbin/pgbouncer'].find((file) => fs.existsSync(file)) ?? 'pgbouncer'

export interface PgBouncer extends AsyncDisposable {
  /** The database that it was started for, by way of the pooler. */
  readonly url: string
  /** Another database of the same server, by way of the pooler. */
  through(databaseUrl: string): string
}

/** Ends the pooler with this process, however that ends: `read` sees the end of our pipe. */
const guardian = `"$@" </dev/null >/dev/null 2>&1 & pooler=$!
read -r _
kill $pooler
wait $pooler`

/** Starts a PgBouncer in transaction mode before the database: one server connection for all clients. */
export async function startPgBouncer(
  databaseUrl: string,
  settings: Readonly<Record<string, string | number>> = {},
  password = '',
): Promise<PgBouncer> {
  const url = new URL(databaseUrl)
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-pgbouncer-'))
  fs.chmodSync(directory, 0o755)
  const port = await freePort()
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: path.join(directory, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: 1,
    // it refuses to stay root
    ...(process.getuid?.() === 0 && { user: 'nobody' }),
    ...settings,
  }
  fs.writeFileSync(path.join(directory, 'users.txt'), `"${url.username}" "${password}"\n`)
  const file = path.join(directory, 'pgbouncer.ini')
  const text = Object.entries(lines).map(([name, value]) => `${name} = ${value}`)
  fs.writeFileSync(
    file,
    ['[databases]', `* = host=${url.hostname} port=${url.port}`, '[pgbouncer]', ...text, ''].join('\n'),
  )
  const child = spawn('/bin/sh', ['-c', guardian, 'sh', binary(), '-q', file], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const exited = once(child, 'exit')
  await listening(port)
  const through = (databaseUrl: string): string => {
    const url = new URL(databaseUrl)
    url.hostname = '127.0.0.1'
    url.port = String(port)
    return url.href
  }
  return {
    url: through(databaseUrl),
    through,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await exited
      fs.rmSync(directory, { recursive: true })
    },
  }
}

async function listening(port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const socket = net.connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    } finally {
      socket.destroy()
    }
  }
}
