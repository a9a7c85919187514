import type { Model, Schema } from './define.ts'

/** The name of a model's table. Several models may be on one: a row is the table's, whatever model it is reached by. */
export const tableOf = ({ table }: Model): string => `${table.schema ?? 'public'}.${table.name}`

/** The models of a schema by table, each table's in the order of the schema. */
export function modelsByTable(models: Schema['models']): ReadonlyMap<string, readonly Model[]> {
  const byTable = new Map<string, Model[]>()
  for (const model of models.values()) {
    const others = byTable.get(tableOf(model))
    if (others === undefined) byTable.set(tableOf(model), [model])
    else others.push(model)
  }
  return byTable
}

/** A row's address. The name of a table holds no NUL, so two rows never share one. */
export const rowAddress = (model: Model, id: string): string => `${tableOf(model)}\0${id}`
