import type { Column } from '../../postgres/model/catalog.ts'
import type { PulledTable } from './catalogue.ts'

/**
 * What had better not be shown to a caller, told by names: columns that hold a secret, and tables that exist for
 * secrets (sessions, tokens, API keys). A name is read as words: `passwordHash` is `password_hash`.
 */

const word = (...words: readonly string[]): RegExp => new RegExp(`(^|_)(${words.join('|')})(_|$)`)

const secretWords = word(
  ...[
    'passwords?',
    'passwd',
    'pwd',
    'passphrase',
    'passcode',
    'secrets?',
    'tokens?',
    'salt',
    'hash',
    'digest',
  ],
  ...['hashed', 'encrypted', 'ciphertext', 'credentials?', 'otp', 'totp', 'cookie', 'cvv', 'cvc', 'jwt'],
  ...['(backup|recovery)_codes?', 'magic_link', 'verification_code'],
  ...['(api|private|secret|access|signing|encryption|auth|service|license|webhook)_?keys?', 'apikeys?'],
)
/** Of a table whose rows are secrets. */
const secretTables =
  /(^|_)(tokens?|(api|private|secret|access|signing)_?keys?|credentials?|secrets?|passwords?|otps?|magic_links?)$/
/** Of a table whose rows are secrets when they expire: analytics count sessions, too. */
const expiringTables = word(
  'sessions?',
  'verifications?',
  'verification_requests?',
  'invites?',
  'invitations?',
)

/** What a secret can be kept in. */
const texts = new Set(['text', 'varchar', 'bpchar', 'bytea', 'json', 'jsonb', 'uuid'])

/** Names of values about a secret that are none: `token_count`, `api_key_id`, `password_changed_at`. */
const about =
  /(^|_)(count|total|used|usage|limit|id|ids|at|type|name|status|version|enabled|required|expiry|expires|algorithm)$/

const words = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase()

/** Whether a column looks like a secret. Numbers, times, flags and foreign keys are none. */
export function isSecretColumn(column: Column, { references }: Pick<PulledTable, 'references'>): boolean {
  const name = words(column.name)
  if (!texts.has(column.base) || references.some((one) => one.column === column.name)) return false
  return secretWords.test(name) && !about.test(name)
}

/** Whether the table exists for secrets. */
export function isSecretTable({ name, columns }: Pick<PulledTable, 'name' | 'columns'>): boolean {
  const at = words(name)
  if (secretTables.test(at)) return true
  const expires = columns.some((column) => word('expires', 'expiry', 'expire').test(words(column.name)))
  const told = columns.some(({ name: one }) => secretWords.test(words(one)))
  // connect-pg-simple: sid, sess, expire
  return expiringTables.test(at) && (expires || told)
}
