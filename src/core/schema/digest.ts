import { createHash } from 'node:crypto'
import type { Schema } from './define.ts'

/** Raised when compiled functions of an older version no longer serve: it makes every digest new. */
const ENGINE = 2

const digests = new WeakMap<Schema, string>()

/**
 * Eight hexadecimal digits over everything of a schema that what is compiled into a database depends on. An
 * application and a database that disagree about it must find out before the first write.
 */
export function schemaDigest(schema: Schema): string {
  const known = digests.get(schema)
  if (known !== undefined) return known
  const models = [...schema.models.values()].map((model) => [
    model.name,
    model.table.schema ?? null,
    model.table.name,
    model.key.map(({ name }) => name),
    model.policy,
    [...model.mutable].sort(),
    model.archive?.name ?? null,
    model.capture,
    [...model.fields.values()].map((field) => [field.name, field.column, field.writable, field.touch]),
    ...model.hidden.map((field) => [field.name, field.column, field.touch]),
  ])
  const digest = createHash('sha256')
    .update(JSON.stringify([ENGINE, models]))
    .digest('hex')
    .slice(0, 8)
  digests.set(schema, digest)
  return digest
}
