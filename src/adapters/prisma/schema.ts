import { z } from 'zod'
import { checkOptions } from '../../core/options.ts'
import type { Schema } from '../../core/schema/define.ts'
import { defineSchema } from '../../core/schema/define.ts'
import { field } from '../../core/schema/field.ts'
import type { ModelDefinition, ModelOptions } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import { relation } from '../../core/schema/relation.ts'
import type { DeclaredTable, DerivedModelOptions, OnNote } from '../derived.ts'
import { checkExposure, checkTenant, exposed, keyOf, warn } from '../derived.ts'
import type { PrismaDataModel, PrismaField, PrismaModel } from './data-model.ts'
import { readDataModel } from './data-model.ts'
import { delegateName, prismaMapping } from './mapping.ts'
import type { DerivedDefinition, FieldName, ModelName } from './types.ts'

/** What is exposed, by the client's name for it: `task` for `prisma.task`. */
export type PrismaModels<Client> = {
  readonly [M in ModelName<Client>]?: DerivedModelOptions<FieldName<Client, M>>
}

/** Options of `schemaFromPrisma`. */
export interface PrismaSchemaOptions {
  /** Is told of relations that are left out, and why. Default: a warning of the process. */
  onNote?: OnNote
}

/**
 * A schema made from a Prisma client: the models and fields that are named, with Prisma's enums, names of tables and
 * columns, `@updatedAt` and the relations among them. Nothing else is exposed, and a model is read only unless `mutable`
 * says otherwise. Values travel as this protocol has them: BigInt, Decimal and DateTime are strings; an enum value with
 * `@map` travels under the label that the database has.
 *
 * @throws TypeError when a model, a field or an option has no such name.
 * @example
 * const schema = schemaFromPrisma(prisma, {
 *   task: { fields: ['title', 'projectId'], mutable: true },
 *   project: { fields: ['name'], policy: { by: 'none' } },
 * })
 */
export function schemaFromPrisma<Client, const O extends PrismaModels<Client>>(
  prisma: Client,
  models: O & PrismaModels<Client>,
  options: PrismaSchemaOptions = {},
): Schema<{ readonly [M in keyof O & ModelName<Client>]: DerivedDefinition<Client, M, O[M]> }> {
  const owner = 'schemaFromPrisma'
  checkOptions<PrismaSchemaOptions>(owner, options, { onNote: 'function' })
  const data = readDataModel(prisma)
  const known = new Map([...data.models.values()].map((model) => [delegateName(model), model]))
  checkExposure(owner, models, new Map([...known].map(([name, model]) => [name, namesOf(model)])))
  const shown: Shown = new Map(
    Object.entries<DerivedModelOptions>(models).map(([name, own]) => {
      const model = known.get(name) as PrismaModel
      const key = keyOf(`${owner}: ${name}`, own, model.key)
      return [model, { own, key, fields: exposed(own, key) }]
    }),
  )
  const definitions = Object.fromEntries(
    [...shown.keys()].map((model) => [
      delegateName(model),
      definitionOf(owner, model, shown, data, options.onNote ?? warn),
    ]),
  )
  const declared = defineSchema(definitions as Record<string, ModelDefinition>, { casing: 'same' })
  return prismaMapping(prisma, declared).schema as never
}

/** Fields that have a column and a type. */
const namesOf = (model: PrismaModel): string[] =>
  model.fields.filter(({ kind }) => kind === 'scalar' || kind === 'enum').map(({ name }) => name)

/** The models of a client, under the names that `schemaFromPrisma` knows them by. */
export function declaredModels(prisma: unknown): DeclaredTable[] {
  return [...readDataModel(prisma).models.values()].map((model) => {
    const names = namesOf(model)
    const shown = model.fields.filter(({ name }) => names.includes(name))
    return {
      name: delegateName(model),
      table: model.table,
      key: model.key,
      fields: new Map(shown.map(({ column, name }) => [column, name])),
    }
  })
}

interface ShownModel {
  readonly own: DerivedModelOptions
  readonly key: string | readonly string[]
  readonly fields: readonly string[]
}

type Shown = ReadonlyMap<PrismaModel, ShownModel>

function definitionOf(
  owner: string,
  model: PrismaModel,
  shown: Shown,
  data: PrismaDataModel,
  onNote: OnNote,
): ModelDefinition {
  const { own, key, fields } = shown.get(model) as ShownModel
  const { fields: _, relations = {}, primaryKey: __, ...options } = own
  const columns = model.fields.filter(({ kind }) => kind !== 'object')
  checkTenant(
    `${owner}: ${delegateName(model)}`,
    own,
    columns.map(({ column }) => column),
    columns.some(({ name }) => name === 'organizationId'),
  )
  const ofFields = fields.map((name) => model.fields.find((one) => one.name === name) as PrismaField)
  const declared: Record<string, Relation> = {}
  for (const one of model.fields) {
    const found = one.kind === 'object' ? relationOf(model, one, shown, data, onNote) : undefined
    if (found !== undefined) declared[one.name] = found
  }
  return {
    shape: Object.fromEntries(ofFields.map((one) => [one.name, fieldType(one, data)])),
    relations: { ...declared, ...relations },
    options: { ...(options as ModelOptions), primaryKey: key },
  }
}

/** A relation field as this protocol has it; what it has no place for is left out with a note. */
function relationOf(
  model: PrismaModel,
  own: PrismaField,
  shown: Shown,
  data: PrismaDataModel,
  onNote: OnNote,
): Relation | undefined {
  const other = data.models.get(own.type)
  if (other === undefined || !shown.has(other)) return undefined
  const leaveOut = (why: string): undefined =>
    void onNote(`${delegateName(model)}.${own.name}: this relation is left out; ${why}.`)
  const [holder, target] = own.relation === undefined ? [other, model] : [model, other]
  const held = own.relation ?? other.fields.find((far) => isBackOf(far, own, model))?.relation
  const [at, ...more] = held?.fields ?? []
  if (at === undefined) return leaveOut('it is many to many, or its other side has no fields')
  if (more.length > 0) return leaveOut('it is over several columns')
  const key = [shown.get(target)?.key].flat()
  if (key.length !== 1 || key[0] !== held?.references[0]) return leaveOut('it does not lead to a primary key')
  // what is not shown is not related by
  if (!shown.get(holder)?.fields.includes(at)) return undefined
  if (own.relation !== undefined) return relation.belongsTo(delegateName(other), at)
  return own.list ? relation.hasMany(delegateName(other), at) : leaveOut('it is the far side of a one to one')
}

const isBackOf = (far: PrismaField, own: PrismaField, model: PrismaModel): boolean =>
  far.type === model.name && far.relationName === own.relationName && far.relation !== undefined

function fieldType(own: PrismaField, data: PrismaDataModel): z.ZodType {
  const scalar = scalarType(own, data)
  const type = own.list ? z.array(scalar) : scalar
  if (own.optional) return type.nullable().optional()
  return own.list || own.updatedAt || own.default !== undefined ? type.optional() : type
}

function scalarType({ type, kind, native }: PrismaField, data: PrismaDataModel): z.ZodType {
  if (kind === 'enum') return z.enum([...(data.enums.get(type)?.values() ?? [])])
  switch (type) {
    case 'Int':
      return z.int32()
    case 'BigInt':
      return field.bigint()
    case 'Float':
      return z.number()
    case 'Decimal':
      return field.numeric()
    case 'Boolean':
      return z.boolean()
    case 'DateTime':
      return native === 'Date'
        ? field.date()
        : native?.startsWith('Time') && !native.startsWith('Timestamp')
          ? z.string()
          : field.timestamp()
    case 'Json':
      return field.json()
    case 'Bytes':
      return field.bytes()
    default:
      return native === 'Uuid' ? field.uuid() : z.string()
  }
}
