import { createHash } from 'node:crypto'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import canonicalize from 'canonicalize'
import { isRecord, typeName } from '../core/callback.ts'

/** What the rows of a base are made of, beside the schema and the code. */
export interface FixtureInputs {
  /** Files, and directories with all that is in them, links followed: seed data, SQL, factories. Their contents count. */
  readonly files?: readonly (string | URL)[] | undefined
  /**
   * Anything that JSON carries exactly: flags, counts, names. The order of members does not count. What JSON drops or
   * cannot tell apart (undefined, functions, dates, sets, class instances) is refused.
   */
  readonly values?: unknown
}

/** A hash over everything that a base is made of, and the hash of each part, to say what changed. */
export interface Fingerprint {
  readonly value: string
  readonly parts: Readonly<Record<string, string>>
}

export interface FingerprintSources {
  readonly inputs: FixtureInputs
  /** See `schemaDigest`. */
  readonly schema: string
  /** The major version, as the store names it. */
  readonly postgres: string
  readonly codeVersion: string
}

/** Files that are told apart in an error; beyond that they count together. */
const NAMED_FILES = 50

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

/**
 * The fingerprint of what is on disk now. Read anew each time: one that was remembered would vouch for old rows.
 *
 * @throws TypeError for a file that cannot be read, or values that JSON cannot carry
 */
export async function fingerprintOf(sources: FingerprintSources): Promise<Fingerprint> {
  const { inputs, schema, postgres, codeVersion } = sources
  const parts: Record<string, string> = { schema, postgres, 'code version': codeVersion }
  if (inputs.values !== undefined) parts.values = sha256(jsonOf(inputs.values))
  const files = new Map<string, string>()
  for (const [index, file] of (inputs.files ?? []).entries()) {
    for (const [name, hash] of await hashesOf(file)) files.set(`${index} ${name}`, hash)
  }
  if (files.size > NAMED_FILES) parts[`${files.size} files`] = sha256(JSON.stringify([...files]))
  else for (const [name, hash] of files) parts[`file ${name.slice(name.indexOf(' ') + 1)}`] = hash
  // Two files of one name in two directories share a part's name, and not their place here.
  const all = [...Object.entries(parts), ...files].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return { value: sha256(JSON.stringify(all)), parts }
}

/** Names of the parts in which two fingerprints differ. */
export function changedParts(a: Fingerprint['parts'], b: Fingerprint['parts']): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]).sort()
}

function jsonOf(values: unknown): string {
  mustBeJson(values, '', [])
  return canonicalize(values) as string
}

/**
 * JSON leaves members out, and makes one text of many values: two sets, or two functions, would share a fingerprint.
 *
 * @param above what the value stands in
 * @throws TypeError with the place
 */
function mustBeJson(value: unknown, pointer: string, above: readonly unknown[]): void {
  const refused = (what: string): TypeError =>
    new TypeError(
      `\`inputs.values${pointer}\` of a fixture is ${what}, which JSON does not carry: give texts, numbers, booleans, null, arrays and plain objects.`,
    )
  if (value === null || typeof value === 'boolean') return
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refused('a text with half a character')
    return
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || Object.is(value, -0))
      throw refused(String(Object.is(value, -0) ? '-0' : value))
    return
  }
  if (above.includes(value)) throw refused('part of itself')
  const inner = [...above, value]
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      mustBeJson(value[index], `${pointer}[${index}]`, inner)
    }
    return
  }
  if (!isRecord(value)) throw refused(kindOf(value))
  if (Object.getOwnPropertySymbols(value).length > 0) throw refused('an object with symbols')
  for (const [name, member] of Object.entries(value)) mustBeJson(member, `${pointer}.${name}`, inner)
}

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return typeName(value)
  const { name } = value.constructor ?? {}
  return name ? `a ${name}` : 'an object of a class'
}

/** By name below what was declared, so that another checkout or working directory makes no difference. */
async function hashesOf(declared: string | URL): Promise<[string, string][]> {
  const path = declared instanceof URL ? fileURLToPath(declared) : declared
  try {
    if (!(await stat(path)).isDirectory()) return [[basename(path), sha256(await readFile(path))]]
    const files = await filesBelow(path, [])
    const named = files.map((file) => [relative(path, file).split(sep).join('/'), file] as const)
    named.sort(([a], [b]) => (a < b ? -1 : 1))
    return await Promise.all(
      named.map(
        async ([name, file]): Promise<[string, string]> => [
          `${basename(path)}/${name}`,
          sha256(await readFile(file)),
        ],
      ),
    )
  } catch (cause) {
    throw new TypeError(`The input ${path} of a fixture cannot be read.`, { cause })
  }
}

/**
 * Links are followed, as `populate` follows them: what they lead to counts. One that leads back up adds no content.
 *
 * @param above the real paths of the directories that this one is in
 */
async function filesBelow(directory: string, above: readonly string[]): Promise<string[]> {
  const real = await realpath(directory)
  if (above.includes(real)) return []
  const entries = await readdir(directory, { withFileTypes: true })
  const files = entries.map(async (entry) => {
    const path = join(directory, entry.name)
    const found = entry.isSymbolicLink() ? await stat(path) : entry
    if (found.isDirectory()) return filesBelow(path, [...above, real])
    return found.isFile() ? [path] : []
  })
  return (await Promise.all(files)).flat()
}
