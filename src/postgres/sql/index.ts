import { PAGE_BYTES } from '../../core/rules/answer.ts'
import { REQUESTED } from '../../core/rules/follower.ts'
import { CURRENT_BYTES } from '../../core/rules/staleness.ts'
import { lockNamespace, locks, run, states } from '../signals.ts'
import { embedded } from './embedded.ts'
import { indexStatement, type Statement, type Template } from './statement.ts'

/**
 * Enters the registry of writers in flight, in a function with `_last` and `_x`; `_last` is then the position below which
 * this transaction writes nothing new.
 */
const enter = (
  s: string,
): string => `-- a commit lost in a crash would reuse positions that followers have seen
  if current_setting('synchronous_commit') = 'off' then _x := set_config('synchronous_commit', 'on', true); end if;
  _last := pg_sequence_last_value('${s}.position_seq');
  -- point: open-run
  if _last is null or pg_sequence_last_value('${s}.run_seq') is distinct from ${run(s)} then
    perform ${s}.open_run();
    _last := coalesce(pg_sequence_last_value('${s}.position_seq'), 0);
  end if;
  -- point: enter-registry
  if pg_advisory_xact_lock_shared((${lockNamespace(s)}::bigint << 48) | _last) is null then null; end if;`

/** Ends a commit whose answer has more bytes than `_most`. */
export const tooLarge = (s: string): string =>
  `raise exception '${s}: the answer has more than % bytes', _most using errcode = '${states.tooLarge}';`

/** The statements of one .sql file for the installation in `schema`, every `{{name}}` filled in. */
export function statements(file: keyof typeof embedded, schema: string): readonly Statement[] {
  const values: Readonly<Record<string, string>> = {
    schema,
    lockNamespace: String(lockNamespace(schema)),
    pageBytes: String(PAGE_BYTES),
    currentBytes: String(CURRENT_BYTES),
    ...locks.registry(schema),
    enter: enter(schema),
    tooLarge: tooLarge(schema),
    requested: REQUESTED,
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
  (['positions', 'staleness', 'commits', 'capture', 'feed', 'lists', 'retention', 'values'] as const).flatMap(
    (file) => statements(file, schema),
  )
