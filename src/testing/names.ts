import { createHash, randomBytes } from 'node:crypto'

/**
 * Names of databases, which Postgres cuts at 63 bytes in silence: a fixture's name is hashed. The hash is the key of
 * its advisory locks too, so that a sweep reads from a database's name alone who vouches for it.
 */
export interface Names {
  readonly base: string
  /** What is being built; never copied. */
  readonly draft: string
  /** Copies that are timed and thrown away. */
  readonly probe: string
  /** First key of the advisory locks of this fixture. */
  readonly key: number
  copy(slot: number, id: string): string
  /** What every copy under this slot begins with. */
  slot(slot: number): string
}

/** Second key of the lock under which a base is built or copied; slots count from 0. */
export const BASE_LOCK = -1

const PREFIX = 'postern_fx_'
const COPY = /^postern_fx_([0-9a-f]{8})_s(\d{1,6})_([0-9a-f]{16})$/
const UNFINISHED = /^postern_fx_([0-9a-f]{8})_(?:draft|probe)$/

/** @throws TypeError for a name that nobody could find again */
export function namesOf(fixture: string): Names {
  if (fixture.trim() === '' || fixture.length > 200) {
    throw new TypeError('A fixture needs a name of 1 to 200 characters.')
  }
  const hash = createHash('sha256').update(fixture).digest('hex').slice(0, 8)
  const base = `${PREFIX}${hash}`
  return {
    base,
    draft: `${base}_draft`,
    probe: `${base}_probe`,
    key: keyOf(hash),
    copy: (slot, id) => `${base}_s${slot}_${id}`,
    slot: (slot) => `${base}_s${slot}_`,
  }
}

export const newId = (): string => randomBytes(8).toString('hex')

/** As the signed number that Postgres takes. */
const keyOf = (hash: string): number => Number.parseInt(hash, 16) | 0

/** What a database's name says, when it is the name of a copy or of something unfinished. */
export function readName(name: string): { key: number; base: string; slot: number; copy: boolean } | null {
  const copy = COPY.exec(name)
  const [, hash = '', slot] = copy ?? UNFINISHED.exec(name) ?? []
  if (hash === '') return null
  return {
    key: keyOf(hash),
    base: `${PREFIX}${hash}`,
    slot: copy === null ? BASE_LOCK : Number(slot),
    copy: copy !== null,
  }
}

/** Whether a database is a copy of some base: the only ones that a test session may be in. */
export const isCopyName = (name: string): boolean => COPY.test(name)

export const baseOf = (name: string): string => readName(name)?.base ?? ''
