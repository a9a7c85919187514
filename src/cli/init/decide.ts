import { UsageError } from '../outcome.ts'
import type { PulledModel } from '../pull/models.ts'
import type { Pulled } from '../pull.ts'
import { visible } from '../visible.ts'
import type { Ask } from './ask.ts'

/** What only a person can know of the tables that were read. */
export interface Decisions {
  /** Null: no table has one. Undefined: it is guessed. */
  readonly tenantColumn: string | null | undefined
  readonly includeShared: boolean
  /** Models that callers may change, by their own names or by those of their tables; true: all that could succeed. */
  readonly mutable: boolean | readonly string[]
  /** Whether what the application writes by itself is logged. */
  readonly capture: boolean
}

/** What the command line says of it. */
export interface Given {
  readonly tenantColumn?: string | undefined
  readonly includeShared: boolean
  readonly mutable?: readonly string[] | undefined
  readonly capture?: boolean | undefined
}

/** Without a person to ask: the guessed tenant, every change that could succeed, and capture. */
export const decided = ({ tenantColumn, includeShared, mutable, capture = true }: Given): Decisions => ({
  tenantColumn,
  includeShared,
  mutable: mutable === undefined ? true : mutableOf(mutable),
  capture,
})

/** Asks for what the command line does not say. */
export async function decide(found: Pulled, given: Given, ask: Ask): Promise<Decisions> {
  const models = [...found.models, ...found.shared]
  const tenantColumn = given.tenantColumn ?? (await askTenant(models, found.tenant, ask))
  const includeShared =
    given.includeShared ||
    (tenantColumn === null &&
      isYes(await ask('Then every signed caller may read every row. Show the tables all the same? y/n', 'n')))
  const mutable = given.mutable === undefined ? await askMutable(models, ask) : mutableOf(given.mutable)
  const capture =
    given.capture ??
    (mutable === false ||
      isYes(await ask('Log what the application writes by itself, with triggers on its tables? y/n', 'y')))
  return { tenantColumn, includeShared, mutable, capture }
}

async function askTenant(
  models: readonly PulledModel[],
  guess: string | undefined,
  ask: Ask,
): Promise<string | null> {
  const columns = new Set(models.flatMap(({ table }) => table.columns.map(({ name }) => name)))
  for (let note = ''; ; ) {
    const answer = await ask(`${note}Which column says whose row it is? - for none`, guess ?? '-')
    if (answer === '-') return null
    if (columns.has(answer)) return answer
    note = `No table has a column ${visible(answer)}. `
  }
}

async function askMutable(models: readonly PulledModel[], ask: Ask): Promise<Decisions['mutable']> {
  const names = models.map(({ name }) => name).join(', ')
  for (let note = ''; ; ) {
    const answer = await ask(`${note}What may callers change? all, none, or some of ${visible(names)}`, 'all')
    const mutable = mutableOf(answer.split(/[\s,]+/).filter((name) => name !== ''))
    const absent = unknownModel(mutable, models)
    if (absent === undefined) return mutable
    note = `There is no model ${visible(absent)}. `
  }
}

const mutableOf = (names: readonly string[]): Decisions['mutable'] =>
  names.length !== 1 ? names : names[0] === 'all' ? true : names[0] === 'none' ? false : names

const isYes = (answer: string): boolean => /^y(es)?$/i.test(answer)

/** @throws UsageError for a model that may be changed and is not there */
export function checkMutable(mutable: Decisions['mutable'], { models, shared }: Pulled): void {
  const all = [...models, ...shared]
  const absent = unknownModel(mutable, all)
  if (absent === undefined) return
  throw new UsageError(
    `--mutable: there is no model ${absent}; expected all, none, or some of ${all.map(({ name }) => name).join(', ')}`,
  )
}

function unknownModel(mutable: Decisions['mutable'], models: readonly PulledModel[]): string | undefined {
  if (typeof mutable === 'boolean') return undefined
  return mutable.find((name) => !models.some((model) => model.name === name || model.table.name === name))
}
