export type { Exchange } from './answer.ts'
export { catalogue, levelTitles, type Profile } from './catalogue.ts'
export { type Check, type CheckContext, type ConformanceModel, type Level, levels } from './check.ts'
export { inProcess, overHttp, signing } from './driver.ts'
export { memoryProbe } from './memory-probe.ts'
export { type PostgresProbeOptions, type ProbeConnection, postgresProbe } from './postgres-probe.ts'
export type { Constraint, Need, PausePoint, Probe, Stranger } from './probe.ts'
export { conformance, type It, type Runner, runConformanceTests } from './register.ts'
export { consoleHooks } from './reports/console.ts'
export { writeReports } from './reports/files.ts'
export { htmlReport } from './reports/html.ts'
export { junitReport } from './reports/junit.ts'
export { markdownReport } from './reports/markdown.ts'
export { allResults, countsOf, jsonReport, type Report, summaryLine } from './reports/report.ts'
export {
  type CheckResult,
  type ConformanceOptions,
  type Failure,
  type Run,
  type RunHooks,
  runConformance,
  type Status,
} from './run.ts'
export { conformanceSchema } from './schema.ts'
export type { Driver } from './source.ts'
export { conformanceTables } from './tables.ts'
