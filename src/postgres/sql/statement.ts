/** What a statement of an installation makes, changes or drops. `data`: rows of postern's own tables. */
export type StatementKind =
  | 'schema'
  | 'table'
  | 'sequence'
  | 'type'
  | 'index'
  | 'view'
  | 'function'
  | 'trigger'
  | 'data'

/**
 * One statement of an installation, as a value: uninstall, dry runs, `postern sql`, migration files and `check` read
 * what it is from here and never from its text.
 */
export interface Statement {
  readonly kind: StatementKind
  /** The object's name as the catalog has it: without schema and quotes. */
  readonly name: string
  /** The SQL to run, without a semicolon at its end. */
  readonly text: string
  /** Of a function: what the catalog keeps of it (`pg_proc.prosrc`). */
  readonly body?: string
  /** Of an index: how to build or drop it beside the traffic, which no transaction allows. */
  readonly concurrently?: string
  /** Of an index whose `text` runs beside the traffic: the same for within a transaction. */
  readonly inTransaction?: string
}

/** A statement of a .sql file as the script that embeds it read it: its parts, with their placeholders. */
export type Template =
  | { readonly kind: 'function'; readonly name: string; readonly head: string; readonly body: string }
  | { readonly kind: 'index'; readonly name: string; readonly definition: string }
  | {
      readonly kind: Exclude<StatementKind, 'function' | 'index'>
      readonly name: string
      readonly text: string
    }

/** A statement of any kind but a function or an index. */
export const statement = (
  kind: Exclude<StatementKind, 'function' | 'index'>,
  name: string,
  text: string,
): Statement => ({ kind, name, text })

/** The parts of a function from which its statement is put together. */
export interface FunctionParts {
  /** Postern's schema in the database. */
  readonly schema: string
  readonly name: string
  /** One line that says what it is for. It stands before the statement. */
  readonly comment: string
  /** Parameters with their types, without the parentheses. */
  readonly parameters: string
  readonly returns: string
  /** Language, volatility, security and settings. Default: `language plpgsql`. */
  readonly attributes?: string
  /** What stands between the dollar quotes. */
  readonly body: string
}

/** The statement that makes or replaces a function. */
export function functionStatement(parts: FunctionParts): Statement {
  const { schema, name, comment, parameters, returns, attributes = 'language plpgsql', body } = parts
  const text = `-- ${comment}
create or replace function ${schema}."${name}"(${parameters}) returns ${returns}
${attributes} as $postern$${body}$postern$`
  return { kind: 'function', name, text, body }
}

/** The statement that builds an index; `definition` is what follows the index's name, for example `on t (a)`. */
export const indexStatement = (name: string, definition: string): Statement => ({
  kind: 'index',
  name,
  text: `create index ${name} ${definition}`,
  concurrently: `create index concurrently if not exists ${name} ${definition}`,
})
