/**
 * The parameters of compiled functions, once: the functions' headers and the calls are both printed from these tables.
 * A value travels as text or null and is cast in the call.
 */

interface Parameter {
  readonly name: string
  readonly type: 'text' | 'jsonb' | 'bigint' | 'int' | 'boolean'
  /** What the calling statement puts in by itself; no value travels. */
  readonly expression?: string
}

const commit = [
  { name: 'tenant', type: 'text' },
  { name: 'key', type: 'text' },
  { name: 'intent', type: 'text' },
  { name: 'intent_hash', type: 'text' },
  { name: 'participant_id', type: 'text' },
  { name: 'participant_kind', type: 'text' },
  // bytes that the answer may have
  { name: 'most', type: 'bigint' },
  // whether the transaction is the endpoint's own: only then may a refusal save itself the flush
  { name: 'alone', type: 'boolean' },
  // the session's, for triggers of the application: our functions pin their own
  { name: 'path', type: 'text', expression: `current_setting('search_path')` },
] as const satisfies readonly Parameter[]

/** A commit of one operation. */
export const oneParameters = [
  ...commit,
  { name: 'id', type: 'text' },
  { name: 'input', type: 'jsonb' },
  { name: 'read_at', type: 'bigint' },
  { name: 'on_stale', type: 'text' },
  { name: 'transaction_id', type: 'text' },
] as const satisfies readonly Parameter[]

/** A commit of several operations. */
export const manyParameters = [
  ...commit,
  { name: 'locks', type: 'jsonb' },
  { name: 'reads', type: 'jsonb' },
  { name: 'groups', type: 'jsonb' },
  { name: 'own', type: 'text' },
  { name: 'count', type: 'int' },
  { name: 'transactions', type: 'jsonb' },
  { name: 'strict', type: 'boolean' },
] as const satisfies readonly Parameter[]

/** The idempotency key alone. */
export const reserveParameters = [
  { name: 'tenant', type: 'text' },
  { name: 'key', type: 'text' },
  { name: 'intent', type: 'text' },
  { name: 'intent_hash', type: 'text' },
] as const satisfies readonly Parameter[]

/** The parameters in a function's header. */
export const header = (parameters: readonly Parameter[]): string =>
  parameters.map(({ name, type }) => `_${name} ${type}`).join(', ')

/** Values by name; those that the statement puts in have none. */
export type Values<P extends readonly Parameter[]> = Readonly<
  Record<Exclude<P[number], { readonly expression: string }>['name'], string | null>
>

/** A call of `name` as an expression, and its values in order; `first` is the number of its first `$n`. */
export function call<P extends readonly Parameter[]>(
  name: string,
  parameters: P,
  values: Values<P>,
): { readonly text: string; readonly values: readonly (string | null)[] } {
  const given: (string | null)[] = []
  const args = parameters.map(({ name: parameter, type, expression }) => {
    if (expression !== undefined) return expression
    given.push((values as Readonly<Record<string, string | null>>)[parameter] ?? null)
    return type === 'text' ? `$${given.length}::text` : `$${given.length}::text::${type}`
  })
  return { text: `${name}(${args.join(', ')})`, values: given }
}
