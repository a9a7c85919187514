import { lockNamespace, locks, run } from '../signals.ts'
import { embedded } from './embedded.ts'

/** A page, of rows or of events, ends with the row that reaches this many bytes; the next page goes on from there. */
export const PAGE_BYTES = 16 * 1024 * 1024

/** The statements of one .sql file for the installation in `schema`, every `{{name}}` filled in. */
export function statements(file: keyof typeof embedded, schema: string): readonly string[] {
  const values: Readonly<Record<string, string>> = {
    schema,
    lockNamespace: String(lockNamespace(schema)),
    pageBytes: String(PAGE_BYTES),
    ...locks.registry(schema),
    run: run(schema),
  }
  return embedded[file].map((text) =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`${file}.sql: unknown placeholder ${name}`)
      return value
    }),
  )
}

/** The functions that no model changes. Each migration run replaces them. */
export const sharedFunctions = (schema: string): readonly string[] =>
  (['positions', 'staleness', 'commits', 'capture', 'feed', 'retention', 'values'] as const).flatMap((file) =>
    statements(file, schema),
  )
