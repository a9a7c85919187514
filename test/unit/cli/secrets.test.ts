import { expect, test } from 'vitest'
import { isSecretColumn, isSecretTable } from '../../../src/cli/pull/secrets.ts'
import type { Column } from '../../../src/postgres/model/catalog.ts'

const column = (name: string, base = 'text'): Column => ({ name, base }) as Column
const references = [{ column: 'api_key_id', schema: 'public', table: 'api_key' }]

test.each([
  ...[
    'password',
    'passwordHash',
    'hashedKey',
    'encryptedKey',
    'encrypted_value',
    'backupCodes',
    'twoFactorBackupCodes',
  ],
  ...[
    'access_token',
    'refreshToken',
    'sessionToken',
    'api_key',
    'apiKey',
    'stripeSecretKey',
    'private_key',
    'salt',
    'otp_secret',
  ],
])('%s is taken for a secret', (name) => {
  expect(isSecretColumn(column(name), { references })).toBe(true)
})

test.each([
  ...[
    ['api_key_id', 'uuid'],
    ['token_count', 'int4'],
    ['tokens', 'int4'],
    ['tokens_used', 'int8'],
    ['password_changed_at', 'timestamptz'],
  ],
  ...[
    ['has_password', 'bool'],
    ['token_type', 'text'],
    ['title', 'text'],
    ['keyboard', 'text'],
    ['api_key_id', 'text'],
    ['secretary', 'text'],
    ['password_expires_at', 'text'],
  ],
])('%s of type %s is not', (name, base) => {
  expect(isSecretColumn(column(name ?? '', base), { references })).toBe(false)
})

test.each([
  ['pgDrizzleSession', ['id', 'userId', 'expiresAt']],
  ['sessions', ['sid', 'sess', 'expire']],
  ['VerificationToken', ['identifier', 'token']],
  ['verification', ['identifier', 'value', 'expires_at']],
  ['api_keys', ['id', 'name']],
  ['apiKey', ['id', 'key']],
  ['oauth_refresh_tokens', ['id']],
  ['user_credentials', ['id']],
])('the table %s is taken for one of secrets', (name, names) => {
  expect(isSecretTable({ name, columns: names.map((one) => column(one)) })).toBe(true)
})

test.each([
  ['session', ['session_id', 'browser', 'os', 'country']],
  ['token_usage', ['id', 'count']],
  ['training_sessions', ['id', 'title', 'starts_at']],
  ['passwordless_settings', ['id']],
])('the table %s is not', (name, names) => {
  expect(isSecretTable({ name, columns: names.map((one) => column(one)) })).toBe(false)
})
