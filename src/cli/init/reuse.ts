import type { DeclaredTable } from '../../adapters/derived.ts'
import type { LeftOut, PulledModel } from '../pull/models.ts'
import { type DeclaredModel, isTime } from '../pull/write.ts'
import type { Declared } from './declared.ts'

/** The models under the names that the ORM has for them. What it does not declare is left out, with the reason. */
export function reused(
  models: readonly PulledModel[],
  { files, tables }: Pick<Declared, 'files' | 'tables'>,
): { models: DeclaredModel[]; leftOut: LeftOut[] } {
  const file = files.join(' or ')
  const leftOut: LeftOut[] = []
  const renamed = new Map<PulledModel, DeclaredModel>()
  for (const model of models) {
    const table = tables.find(({ table }) => isTable(table, model))
    const why = table === undefined ? `is not declared in ${file}` : unfit(model, table, file)
    if (table === undefined || why !== undefined) leftOut.push({ table: model.table.sql, why: why ?? '' })
    else renamed.set(model, rename(model, table, file))
  }
  for (let isStable = false; !isStable; ) {
    isStable = true
    for (const [model, own] of renamed) {
      if (model.policy.by !== 'parent' || own.policy.by !== 'parent') continue
      const { parent } = model.policy
      const above = [...renamed].find(([{ name }]) => name === parent)?.[1]
      if (above !== undefined) {
        own.policy = { ...own.policy, parent: above.name }
        continue
      }
      leftOut.push({ table: model.table.sql, why: `belongs to a row of ${parent}, which is left out` })
      renamed.delete(model)
      isStable = false
    }
  }
  return { models: [...renamed.values()], leftOut }
}

const isTable = ({ schema, name }: DeclaredTable['table'], { table }: PulledModel): boolean =>
  name === table.name && (schema === undefined ? table.visible : schema === table.schema)

/** Why a table cannot be exposed under the names of its declaration, or undefined. */
function unfit(
  { keys, policy, fields }: PulledModel,
  declared: DeclaredTable,
  file: string,
): string | undefined {
  const needed = [
    ...keys.map(({ name }) => name),
    ...(policy.by === 'column' ? [policy.column] : []),
    ...(policy.by === 'parent'
      ? fields.flatMap((one) => (one.name === policy.fk ? [one.column.name] : []))
      : []),
  ]
  const absent = needed.find((column) => !declared.fields.has(column))
  return absent === undefined ? undefined : `its column ${absent} is not declared in ${file}`
}

function rename(model: PulledModel, declared: DeclaredTable, file: string): DeclaredModel {
  const { fields, keys, omitted, policy } = model
  const key = keys.map(({ name }) => declared.fields.get(name))
  const whyNot = (column: PulledModel['keys'][number]): string | undefined => {
    const name = declared.fields.get(column.name)
    if (name === undefined) return `is not declared in ${file}`
    return name === 'archivedAt' && !isTime(column) ? 'is no time, which ARCHIVE would set it to' : undefined
  }
  const fk = policy.by === 'parent' ? fields.find(({ name }) => name === policy.fk)?.column.name : undefined
  return {
    ...model,
    name: declared.name,
    fields: fields.flatMap(({ column }) =>
      whyNot(column) === undefined ? [{ name: declared.fields.get(column.name) as string, column }] : [],
    ),
    omitted: [
      ...omitted,
      ...fields.flatMap(({ column }) => {
        const why = whyNot(column)
        return why === undefined ? [] : [{ column, why }]
      }),
    ],
    policy: policy.by === 'parent' ? { ...policy, fk: declared.fields.get(fk ?? '') as string } : policy,
    // those that the ORM declares come along
    relations: [],
    hasDeclaredKey: key.join() === declared.key.join(),
  }
}
