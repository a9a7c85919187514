import { parseArgs } from 'node:util'
import { levels } from './check.ts'
import { consoleHooks } from './reports/console.ts'
import { writeReports } from './reports/files.ts'
import { allResults, countsOf, jsonReport, type Report, summaryLine } from './reports/report.ts'
import { runConformance } from './run.ts'

export const conformUsage = `postern conform --url <endpoint> --key <key> [options]

  --url          a running endpoint that serves the conformance schema
  --key          what its requests are signed with; default: POSTERN_KEY
  --seed-model   it serves the model items and nothing else
  --level        only this level, may be repeated: ${levels.join(', ')}
  --only         only the check with this id, may be repeated
  --skip         leave a check out: ID=reason, may be repeated
  --seed         repeats the choices of an earlier run
  --quick        without the checks that take seconds
  --report       a directory for the report: a page, Markdown, JSON, JUnit XML
  --json         the report as JSON on standard output, and nothing else

Exit codes: 0 all passed, 1 a check failed, 2 the call is wrong.`

/** Where the command writes; the process's own streams where nothing else is given. */
export interface CommandStreams {
  readonly write: (text: string) => void
  readonly warn: (text: string) => void
  readonly live: boolean
}

const processStreams = (): CommandStreams => ({
  write: (text) => process.stdout.write(text),
  warn: (text) => process.stderr.write(text),
  live: process.stdout.isTTY === true,
})

/**
 * `postern conform`: holds a running endpoint to the catalogue, as a caller sees it.
 *
 * @param args what stands behind the command's name
 * @returns the exit code
 */
export async function conform(args: readonly string[], streams = processStreams()): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    streams.write(`${conformUsage}\n`)
    return 0
  }
  let given: ReturnType<typeof parsed>
  try {
    given = parsed(args)
  } catch (error) {
    streams.warn(`${(error as Error).message}\n\n${conformUsage}\n`)
    return 2
  }
  const { url, key, json, report: directory, skip, only, seed, quick } = given
  const hooks = json ? {} : consoleHooks({ write: streams.write, live: streams.live })
  const startedAt = new Date().toISOString()
  const profile = given.level.length === 0 ? ('full' as const) : given.level
  const models = given['seed-model'] ? (['items'] as const) : undefined
  const run = await runConformance(
    {
      url,
      key,
      profile,
      skip,
      quick,
      ...(models && { models }),
      ...(only && { only }),
      ...(seed && { seed }),
    },
    hooks,
  ).catch((error: unknown) => {
    // a check id or an address that does not exist
    if (!(error instanceof TypeError)) throw error
    streams.warn(`${error.message}\n`)
    return undefined
  })
  if (run === undefined) return 2
  const command = `npx postern conform --url ${url}${models ? ' --seed-model' : ''}`
  const report: Report = { subject: url, startedAt, command, runs: [run] }
  if (directory !== undefined) {
    const page = await writeReports(directory, report)
    if (!json) streams.write(`report: ${page}\n`)
  }
  streams.write(json ? jsonReport(report) : `${summaryLine(report)}\n`)
  return countsOf(allResults(report)).failed > 0 ? 1 : 0
}

function parsed(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      key: { type: 'string' },
      'seed-model': { type: 'boolean', default: false },
      level: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true },
      skip: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string' },
      quick: { type: 'boolean', default: false },
      report: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const { url, key = process.env.POSTERN_KEY } = values
  if (url === undefined || !URL.canParse(url)) throw new Error('--url: the address of the endpoint')
  if (key === undefined) throw new Error('--key, or POSTERN_KEY: what requests are signed with')
  const level = values.level.map((name) => {
    const found = levels.find((one) => one === name)
    if (found === undefined) throw new Error(`--level ${name}: one of ${levels.join(', ')}`)
    return found
  })
  const skip = Object.fromEntries(
    values.skip.map((entry) => {
      const [id = '', ...reason] = entry.split('=')
      if (reason.join('=').trim() === '') throw new Error(`--skip ${entry}: ID=reason`)
      return [id, reason.join('=')]
    }),
  )
  return { ...values, url, key, level, skip }
}
