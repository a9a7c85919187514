import { lookup } from 'node:dns/promises'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const host = 'binaries.prisma.sh'

/** Undefined where Prisma can download its schema engine; else why not, and how to go on without it. */
export async function missingEngine() {
  if (process.env.PRISMA_SCHEMA_ENGINE_BINARY !== undefined) return undefined
  const reason = await lookup(host).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => `${host} cannot be reached (${error.code})`,
  )
  if (reason === undefined) return undefined
  return {
    reason,
    // `generate` never runs the engine, and only wants it to be there.
    env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
    sql: (example: string): string =>
      globSync('prisma/migrations/*/migration.sql', { cwd: example })
        .sort()
        .map((file) => readFileSync(join(example, file), 'utf8'))
        .join('\n'),
  }
}
