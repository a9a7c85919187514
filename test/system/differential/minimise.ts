import type { Program, Step } from './program.ts'

/** Drops steps, operations, members of inputs and conditions as long as `fails` holds. */
export async function minimise(
  program: Program,
  fails: (program: Program) => Promise<boolean>,
): Promise<Program> {
  let smallest = program
  for (let again = true; again; ) {
    again = false
    for (const candidate of smaller(smallest)) {
      if (!(await fails(candidate))) continue
      smallest = candidate
      again = true
      break
    }
  }
  return smallest
}

function* smaller(program: Program): Generator<Program> {
  for (const index of program.keys()) yield program.toSpliced(index, 1)
  for (const [index, step] of program.entries()) {
    for (const simpler of simplerSteps(step)) yield program.with(index, simpler)
  }
}

function* simplerSteps(step: Step): Generator<Step> {
  if (step.do === 'list') {
    for (const name of Object.keys(step.query)) yield { ...step, query: without(step.query, name) }
    const where = (step.query.where ?? []) as unknown[]
    for (const index of where.keys())
      yield { ...step, query: { ...step.query, where: where.toSpliced(index, 1) } }
  }
  if (step.do !== 'commit') return
  const { operations } = step
  for (const [index, operation] of operations.entries()) {
    if (operations.length > 1) yield { ...step, operations: operations.toSpliced(index, 1) }
    for (const name of ['readAt', 'onStale', 'transactionId'] as const) {
      if (name in operation) yield { ...step, operations: operations.with(index, without(operation, name)) }
    }
    for (const name of Object.keys(operation.input ?? {})) {
      const input = without(operation.input ?? {}, name)
      yield { ...step, operations: operations.with(index, { ...operation, input }) }
    }
  }
}

function without<T extends object>(given: T, name: string): T {
  return Object.fromEntries(Object.entries(given).filter(([member]) => member !== name)) as T
}
