import { styleText } from 'node:util'
import type { Finding } from '../../postgres/install/check/finding.ts'

/** One line of the table: a finding, or something that is as it should be. */
export interface Line {
  readonly level: 'ok' | Finding['level']
  /** What a finding is, for programs. */
  readonly code?: string
  readonly field?: string
  readonly subject: string
  readonly message: string
  readonly fix?: string
}

const order = ['error', 'warning', 'ok'] as const
const marks = { ok: styleText('green', '✓'), warning: styleText('yellow', '!'), error: styleText('red', '✗') }

/** The table as people read it: worst first, each with its fix below it, and a line that counts. */
export function table(given: readonly Line[]): string[] {
  const lines = [...given].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
  const width = Math.max(...lines.map(({ subject }) => subject.length))
  const count = (level: Line['level'], what: string): string => {
    const n = lines.filter((line) => line.level === level).length
    return `${n} ${what}${n === 1 ? '' : 's'}`
  }
  return [
    ...lines.flatMap(({ level, subject, message, fix }) => [
      `${marks[level]} ${subject.padEnd(width)}  ${message}`,
      ...(fix === undefined ? [] : [`  ${''.padEnd(width)}  ${styleText('dim', `fix: ${fix}`)}`]),
    ]),
    '',
    lines.every(({ level }) => level === 'ok')
      ? 'All is well.'
      : `${count('error', 'error')}, ${count('warning', 'warning')}.`,
  ]
}
