import { pgConnection } from '../src/adapters/pg.ts'
import { schemaDigest } from '../src/core/schema/digest.ts'
import { functionName } from '../src/postgres/naming.ts'
import { readManifest } from '../src/postgres/runtime/manifest.ts'
import { type Call, callMany, callOne } from '../src/postgres/runtime/plan.ts'
import { poolOf } from '../test/support/pool.ts'
import type { BenchDatabase } from './database.ts'
import { commitRequest, items, someRow, someRows } from './requests.ts'
import { quantile, sessionsCpu, watchSessions } from './rounds.ts'
import { schema } from './schema.ts'

/** Where a stage ends: the line of the compiled function before which it is cut off; null at its end. */
type Cut = readonly [stage: string, before: string | null]

const ONE: readonly Cut[] = [
  ['call', '  _answer := postern.reserve('],
  ['reserve the key, look', '  -- point: lock'],
  ['lock the row', '  -- point: judge-one'],
  ['judge', '  if not _found then\n'],
  ['update', '  -- what triggers, rules and cascades did'],
  ['event, ledger, answer', null],
]

const MANY: readonly Cut[] = [
  ['call, with its operations', '  _answer := postern.reserve('],
  ['reserve the key', '  -- point: lock'],
  ['lock the rows', '  -- judge, in a fresh'],
  ['judge', '  -- point: own'],
  ['update', '  -- point: settle'],
  ['events, ledger, answer', null],
]

/**
 * Where a commit's time goes: copies of its function that end sooner and sooner, and the processor time of the session
 * under each. Every transaction is undone, so that nothing grows meanwhile.
 */
export async function* profile(database: BenchDatabase): AsyncGenerator<string> {
  const pool = poolOf(await database.url(0), 1)
  const { models } = await readManifest(pgConnection(pool), schema, 'postern')
  const digest = schemaDigest(schema)
  const names = (model: string | null, verb: string): string =>
    functionName('postern', digest, model === null ? null : items, verb)
  const one = (): Call => {
    const request = commitRequest([{ type: 'UPDATE', id: someRow(0, 1), readAt: 0 }])
    return callOne(request, request.operations[0]!, names, true)
  }
  const many = (): Call => {
    const changes = someRows(100, 0, 1).map((id) => ({ type: 'UPDATE' as const, id, readAt: 0 }))
    return callMany(commitRequest(changes), models, names, false, true)
  }
  try {
    const { rows } = await pool.query('select pg_backend_pid() as pid')
    watchSessions([rows[0].pid])
    const works = [
      ['one UPDATE with readAt', one, ONE, names('items', 'update'), 40],
      ['100 UPDATEs with readAt', many, MANY, names(null, 'commit'), 4],
    ] as const
    for (const [title, make, cuts, name, times] of works) {
      const stages = [{ stage: 'a statement and its answer', text: 'select $1::text', cpu: [] as number[] }]
      const plain = name.replace('postern.', '').replaceAll('"', '')
      const found = await pool.query(
        'select pg_get_functiondef(p.oid) as sql from pg_proc p where proname = $1',
        [plain],
      )
      const { text } = make()
      for (const [at, [stage, before]] of cuts.entries()) {
        let sql = (found.rows[0].sql as string).replaceAll(`postern.${plain}(`, `postern.${plain}_${at}(`)
        if (before !== null && !sql.includes(before)) throw new Error(`${plain} has no line ${before}`)
        if (before !== null) sql = sql.replace(before, `  return null;\n${before}`)
        await pool.query(sql)
        stages.push({ stage, text: text.replace(name, `postern.${plain}_${at}`), cpu: [] })
      }
      for (let round = 0; round < 50; round += 1) {
        for (const { text: query, cpu } of stages) {
          const values = Array.from({ length: times }, () => [...make().values])
          await pool.query('begin')
          const before = sessionsCpu()
          for (const one of values) await pool.query(query, query === 'select $1::text' ? ['x'] : one)
          const after = sessionsCpu()
          await pool.query('rollback')
          if (before === null || after === null) throw new Error('needs /proc, as Linux has it')
          if (round > 5) cpu.push((after - before) / 1000 / times)
        }
      }
      yield `${title}: microseconds of the server's session`
      let sum = 0
      for (const { stage, cpu } of stages) {
        // what disturbs a measurement only ever adds to it
        const micros = quantile(cpu, 0.2)
        yield `  ${stage.padEnd(28)} ${(micros - sum).toFixed(0).padStart(6)}`
        sum = micros
      }
      yield `  ${'together'.padEnd(28)} ${sum.toFixed(0).padStart(6)}`
    }
  } finally {
    await pool.end()
  }
}
