import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pgliteConnection } from '../adapters/pglite.ts'
import type { PostgresConnection } from '../postgres/connection.ts'
import { TestingError } from './errors.ts'
import { fileLock } from './file-lock.ts'
import { namesOf, newId } from './names.ts'
import type { Base, BaseRecord, Copy, CopyOptions, Fill, FixtureStore, OpenDatabase } from './store.ts'

/** What is called of a PGlite instance. */
export interface PgliteInstance {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  transaction<T>(work: (tx: PgliteInstance) => Promise<T>): Promise<T>
  dumpDataDir(compression?: 'none' | 'gzip' | 'auto'): Promise<Blob>
  close(): Promise<void>
}

/** The `PGlite` class. */
export interface PgliteClass {
  create(options?: object): Promise<unknown>
}

/** Bases and sessions inside of this process, on PGlite; see `pgliteFixtures`. */
export interface PgliteFixtures {
  readonly PGlite: PgliteClass
  /** Where sealed bases are kept. Default `.postern/fixtures` below the working directory. */
  readonly directory?: string | undefined
  /** Options of every instance, for example `extensions`. */
  readonly options?: object | undefined
}

/** Bases that a session begins with, one after the other, while others seal. */
const ATTEMPTS = 5

/** Copies of this process, by fixture. */
const counts = new Map<string, number>()

/** A base is a dump of its data directory with a record beside it; a copy is an instance that begins with the dump. */
export function pgliteStore(
  { PGlite, directory = join('.postern', 'fixtures'), options }: PgliteFixtures,
  fixture: string,
): FixtureStore {
  const { base: name } = namesOf(fixture)
  const recordFile = join(directory, `${name}.json`)
  const dumpFile = (generation: number): string => join(directory, `${name}.${generation}.tar`)

  async function read(): Promise<Base | null> {
    try {
      const record = JSON.parse(await readFile(recordFile, 'utf8')) as BaseRecord
      return { ...record, incarnation: `${record.sealedAt}.${record.generation}` }
    } catch {
      return null
    }
  }

  /** Whole or not at all, for who reads meanwhile. */
  async function write(record: BaseRecord): Promise<void> {
    await writeFile(`${recordFile}.new`, JSON.stringify(record, null, 2))
    await rename(`${recordFile}.new`, recordFile)
  }

  const create = async (loadDataDir?: Blob): Promise<PgliteInstance> =>
    (await PGlite.create({ ...options, ...(loadDataDir && { loadDataDir }) })) as PgliteInstance

  async function replace(
    record: Omit<BaseRecord, 'generation' | 'position' | 'strategy'>,
    fill: Fill,
  ): Promise<Base> {
    const old = await read()
    const generation = (old?.generation ?? 0) + 1
    const instance = await create()
    let dump: Blob
    let position = 0
    try {
      position = await fill(opened(instance))
      dump = await instance.dumpDataDir('none')
    } finally {
      await instance.close()
    }
    await writeFile(dumpFile(generation), new Uint8Array(await dump.arrayBuffer()))
    await write({ ...record, generation, position, strategy: 'dump' })
    if (old !== null) await rm(dumpFile(old.generation), { force: true })
    return (await read()) as Base
  }

  async function invalidate(base: Base): Promise<void> {
    const { incarnation: _, ...record } = base
    await rm(dumpFile(base.generation), { force: true })
    await write({ ...record, sealed: false, generation: base.generation + 1 })
  }

  async function locked<T>(work: () => Promise<T>): Promise<T> {
    await mkdir(directory, { recursive: true })
    await using _lock = await fileLock(join(directory, `${name}.lock`))
    return await work()
  }

  /** An instance that begins with this base; null when another base has taken its place meanwhile. */
  async function load(base: Base): Promise<PgliteInstance | null> {
    try {
      return await create(new Blob([await readFile(dumpFile(base.generation))]))
    } catch (cause) {
      return locked(async () => {
        if ((await read())?.incarnation !== base.incarnation) return null
        // of another major, cut short, or gone: nobody can use it, so that the next seal makes a new one
        await invalidate(base)
        throw new TestingError(
          'fingerprint_mismatch',
          `The sealed base of fixture ${fixture} cannot be loaded by this PGlite: run the set-up again (seal). A retry finds the same.`,
          { cause },
        )
      })
    }
  }

  async function begin(accept: CopyOptions['accept']): Promise<{ base: Base; instance: PgliteInstance }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const base = await read()
      await accept(base)
      if (base === null) throw new TestingError('fixture_not_sealed')
      const instance = await load(base)
      if (instance !== null) return { base, instance }
    }
    throw new TestingError(
      'fixture_fingerprint_changed',
      `Fixture ${fixture} was sealed anew ${ATTEMPTS} times while a session was to begin: seal it once, before the tests.`,
    )
  }

  return {
    // The dump of another major cannot be loaded, which is found when a session begins; starting an instance only to
    // ask would take as long again.
    major: async () => 'pglite',
    read,
    sweep: async () => ({ removed: [] }),

    exclusively: (work) =>
      locked(() =>
        work({
          read,
          replace,
          async unseal() {
            const base = await read()
            if (base !== null) await invalidate(base)
          },
          async destroy() {
            const base = await read()
            await rm(recordFile, { force: true })
            if (base !== null) await rm(dumpFile(base.generation), { force: true })
          },
        }),
      ),

    async copy({ max, ttlMs, accept }): Promise<Copy> {
      const others = counts.get(fixture) ?? 0
      if (others >= max) {
        throw new TestingError(
          'test_session_limit',
          `All ${max} test sessions of fixture ${fixture} are open. Dispose of them (\`await using\`), or raise \`maxSessions\`.`,
          { details: { fixture, maxSessions: max } },
        )
      }
      counts.set(fixture, others + 1)
      const leave = (): void => void counts.set(fixture, (counts.get(fixture) ?? 1) - 1)
      try {
        const { base, instance } = await begin(accept)
        const database = opened(instance)
        let closed: Promise<void> | undefined
        return {
          ...database,
          id: newId(),
          name: null,
          base,
          expiresAt: new Date(Date.now() + ttlMs),
          [Symbol.asyncDispose]: () => {
            closed ??= Promise.resolve(database[Symbol.asyncDispose]()).finally(leave)
            return closed
          },
        }
      } catch (error) {
        leave()
        throw error
      }
    },

    async [Symbol.asyncDispose]() {},
  }
}

function opened(instance: PgliteInstance): OpenDatabase {
  return {
    url: null,
    connection: pgliteConnection(instance) as PostgresConnection,
    pglite: instance,
    query: async (text, values = []) =>
      (await instance.query(text, [...values])).rows as Record<string, unknown>[],
    [Symbol.asyncDispose]: () => instance.close(),
  }
}
