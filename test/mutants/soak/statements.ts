import { sqlstateOf } from '../../../src/postgres/sqlstate.ts'

/** The call of a compiled function that applies a commit. */
export const appliesCommit = (text: string): boolean =>
  /\bselect postern\."(commit|\w+_(create|update|delete))_/.test(text)

/** Reads one row with its stamp. */
export const loads = (text: string): boolean => text.startsWith('select r.row as "row"')

export const connectionLost = (error: unknown): boolean => {
  const state = sqlstateOf(error)
  return state === undefined || state.startsWith('57P') || state.startsWith('08')
}
