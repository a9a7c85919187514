import { randomUUID } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { link, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

interface Owner {
  readonly id: string
  /** Where its process id means something. */
  readonly place: string
  readonly pid: number
  /** When it began, as its system says it; a process id is used again. Null where that is not told. */
  readonly started: string | null
}

/** Owners whose file has not been touched for so long are dead, where their process cannot be asked for. */
const STALE_MS = 60_000

/**
 * A lock among processes, held in a file that names its owner. The file of a dead owner is not removed, because two who
 * find it could each remove what the other has just put there: it is succeeded, by a file that is named after the dead
 * owner and that only one process can create. The last of that chain owns the lock, and removes the first when it is
 * done.
 *
 * @example
 * await using _lock = await fileLock('.postern/fixtures/shop.lock')
 */
export async function fileLock(path: string, staleMs = STALE_MS): Promise<AsyncDisposable> {
  const me: Owner = {
    id: randomUUID(),
    place: placeOf(),
    pid: process.pid,
    started: await startOf(process.pid),
  }
  const own = `${path}.${me.id}.new`
  await writeFile(own, JSON.stringify(me))
  const watched: Watched = { id: '', touched: 0, since: 0 }
  try {
    for (;;) {
      const chain = await chainOf(path)
      const last = chain.at(-1)
      if (last === undefined || (await dead(last, watched, staleMs))) {
        const file = last === undefined ? path : `${path}.${last.owner.id}`
        if (await created(own, file)) {
          // The chain may have been given up while it was read; then nobody owns what it was continued with.
          const [first] = await chainOf(path)
          const whole = last === undefined || first?.owner.id === chain[0]?.owner.id
          if (whole) return held(path, me, file, [...chain.map(({ file }) => file), file])
          await rm(file, { force: true })
        }
        continue
      }
      await sleep(Math.min(50, staleMs / 4))
    }
  } finally {
    await rm(own, { force: true })
  }
}

function held(path: string, me: Owner, file: string, files: readonly string[]): AsyncDisposable {
  const touch = (): void => void utimes(file, new Date(), new Date()).catch(() => {})
  const timer = setInterval(touch, STALE_MS / 12)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      // Held to be dead by somebody who could not ask: the lock is theirs now.
      if ((await ownerIn(`${path}.${me.id}`)) !== null) return
      for (const one of files) await rm(one, { force: true })
    },
  }
}

interface Link {
  readonly owner: Owner
  readonly file: string
}

/** Who had the lock, the last one having it still. */
async function chainOf(path: string): Promise<Link[]> {
  const chain: Link[] = []
  for (let file = path; ; ) {
    const owner = await ownerIn(file)
    if (owner === null) return chain
    chain.push({ owner, file })
    file = `${path}.${owner.id}`
  }
}

async function ownerIn(file: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new TypeError(`The lock ${file} cannot be read: remove it when no test runs.`, { cause })
  }
}

/** Whole or not at all, and by one process only. */
async function created(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

interface Watched {
  id: string
  /** As the file system has it, whose clock may be another than ours. */
  touched: number
  /** By our own clock. */
  since: number
}

async function dead({ owner, file }: Link, watched: Watched, staleMs: number): Promise<boolean> {
  if (owner.place === placeOf()) {
    if (!runs(owner.pid)) return true
    // Another process under the same number, or that very one.
    if (owner.started !== null) return owner.started !== (await startOf(owner.pid))
  }
  const touched = (await stat(file).catch(() => undefined))?.mtimeMs
  if (touched === undefined) return false
  if (watched.id !== owner.id || watched.touched !== touched) {
    Object.assign(watched, { id: owner.id, touched, since: performance.now() })
  }
  return performance.now() - watched.since > staleMs
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Two containers may have one host name and count their processes each on its own. */
function placeOf(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}

/** In ticks since the system began; Linux only. The name in the second field may hold spaces and braces. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
