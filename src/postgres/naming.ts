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

/** How a function compiled for one schema is called: the digest lets several versions of an application run side by side. */
export function functionName(s: string, digest: string, model: Model | null, verb: string): string {
  const plain = model === null ? verb : `${model.name}_${verb}`
  // Postgres cuts names over 63 bytes in silence; two long models must not become one
  if (plain.length > 50)
    throw new PosternError('source_adapter_misconfigured', `model ${model?.name}: the name is too long`)
  return `${s}."${plain}_${digest}"`
}
