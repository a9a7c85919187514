import type { PostgresSource } from '../adapters/postgres/source.ts'

/** What a command answers: a value for machines, lines for people, and whether all is well. */
interface Outcome {
  readonly result: unknown
  readonly lines: readonly string[]
  readonly ok: boolean
}

type Command = (source: PostgresSource, options: { dryRun: boolean }) => Promise<Outcome>

/** Commands that need no database: they read the rest of the call by themselves, and give the exit code. */
export const standalone: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  conform: async (args) => (await import('../conformance/command.ts')).conform(args),
}

/** The commands of the command line, by name. */
export const commands: Readonly<Record<string, Command>> = {
  async migrate(source, { dryRun }) {
    const { applied, digest, statements } = await source.migrate({ dryRun })
    const tables = applied.length === 0 ? 'tables were up to date' : `applied migration ${applied.join(', ')}`
    const done = dryRun ? 'would run' : 'ran'
    return {
      result: { applied, digest, statements: statements.length, dryRun },
      lines: [`${tables}; ${done} ${statements.length} statements for schema digest ${digest}`],
      ok: true,
    }
  },

  async sql(source) {
    const { statements } = await source.migrate({ dryRun: true })
    return { result: statements, lines: statements.map((statement) => `${statement};\n`), ok: true }
  },

  async check(source) {
    const findings = await source.check()
    const ok = findings.every(({ level }) => level !== 'error')
    const lines = findings.map(({ level, message, fix }) => `${level.padEnd(7)} ${message}\n        ${fix}`)
    return { result: findings, lines: lines.length === 0 ? ['all is well'] : lines, ok }
  },

  async status(source) {
    const status = await source.feedStatus()
    const { position, horizon, prunedThrough, blockers, followers, bytes } = status
    const lines = [
      `position ${position}, readable up to ${horizon}, pruned up to ${prunedThrough}`,
      `outbox ${bytes.outbox} bytes, ledger ${bytes.ledger} bytes`,
      ...blockers.map(
        (one) =>
          `in flight from ${one.position}: backend ${one.pid ?? one.prepared}, ${one.ageSeconds ?? '?'} s, ${one.state ?? ''}`,
      ),
      ...followers.map(
        ({ name, behind, seenAt }) => `follower ${name}: ${behind} behind, last seen ${seenAt}`,
      ),
    ]
    return { result: status, lines, ok: true }
  },

  async prune(source) {
    const report = await source.prune()
    const { events, keys, prunedThrough } = report
    return {
      result: report,
      lines: [`${events} events and ${keys} keys went; pruned up to ${prunedThrough}`],
      ok: true,
    }
  },
}
