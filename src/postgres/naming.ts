import { createHash } from 'node:crypto'
import { PosternError } from '../core/errors.ts'
import type { Model } from '../core/schema/define.ts'

/** Where our tables and functions are, and what is compiled into them. */
export interface InstallOptions {
  /** Our own schema in the database. Default `postern`. Lower-case letters, digits and _. */
  namespace?: string
  /** Longest wait of a commit for a lock, in milliseconds. Default 5,000; the answer is then `source_busy`. */
  lockTimeoutMs?: number
}

export const DEFAULT_LOCK_TIMEOUT_MS = 5000

/** The name of our schema in the database. @throws PosternError `source_adapter_misconfigured` for a name that is not one. */
export function installSchema(options: InstallOptions = {}): string {
  const name = options.namespace ?? 'postern'
  if (!/^[a-z_][a-z0-9_]{0,30}$/.test(name) || name.startsWith('pg_')) {
    throw new PosternError(
      'source_adapter_misconfigured',
      `schema ${name}: use lower-case letters, digits and _, at most 31`,
    )
  }
  return name
}

/** The bare name of a function compiled for one schema: the digest lets several versions of an application run side by side. */
export function compiledName(digest: string, model: Model | null, verb: string): string {
  const plain = model === null ? verb : `${model.name}_${verb}`
  return `${shortened(plain)}_${digest}`
}

/** Room for the digest in what Postgres keeps of a name. */
const NAME_BYTES = 50

/** Postgres cuts names over 63 bytes in silence, and two long names would become one: a hash tells them apart. */
function shortened(name: string): string {
  if (name.length <= NAME_BYTES) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return `${name.slice(0, NAME_BYTES - 9)}_${hash}`
}

/** The same as SQL calls it. */
export const functionName = (s: string, digest: string, model: Model | null, verb: string): string =>
  `${s}."${compiledName(digest, model, verb)}"`
