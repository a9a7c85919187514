import { lockNamespace, locks, run } from '../signals.ts'
import { embedded } from './embedded.ts'
import { indexStatement, type Statement, type Template } from './statement.ts'

/** A page, of rows or of events, ends with the row that reaches this many bytes; the next page goes on from there. */
export const PAGE_BYTES = 16 * 1024 * 1024

/** The statements of one .sql file for the installation in `schema`, every `{{name}}` filled in. */
export function statements(file: keyof typeof embedded, schema: string): readonly Statement[] {
  const values: Readonly<Record<string, string>> = {
    schema,
    lockNamespace: String(lockNamespace(schema)),
    pageBytes: String(PAGE_BYTES),
    ...locks.registry(schema),
    run: run(schema),
  }
  const filled = (text: string): string =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`${file}.sql: unknown placeholder ${name}`)
      return value
    })
  const templates: readonly Template[] = embedded[file]
  return templates.map((one) => {
    const { kind, name } = one
    if (kind === 'index') return indexStatement(name, filled(one.definition))
    if (kind !== 'function') return { kind, name, text: filled(one.text) }
    const body = filled(one.body)
    return { kind, name, text: `${filled(one.head)}$$${body}$$`, body }
  })
}

/** The functions that no model changes. Each migration run replaces them. */
export const sharedFunctions = (schema: string): readonly Statement[] =>
  (['positions', 'staleness', 'commits', 'capture', 'feed', 'retention', 'values'] as const).flatMap((file) =>
    statements(file, schema),
  )
