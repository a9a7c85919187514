import { z } from 'zod'
import type { Schema } from '../../core/schema/define.ts'
import { defineSchema } from '../../core/schema/define.ts'
import { field } from '../../core/schema/field.ts'
import type { ModelDefinition, ModelOptions } from '../../core/schema/model.ts'
import type { Relation } from '../../core/schema/relation.ts'
import { relation } from '../../core/schema/relation.ts'
import type { PrismaDataModel, PrismaField, PrismaModel } from './data-model.ts'
import { readDataModel } from './data-model.ts'
import { delegateName, prismaMapping } from './mapping.ts'
import type { FieldName, ModelName, ShapeOf } from './types.ts'

/** Options of a model, less what Prisma knows of it by itself. */
export interface PrismaModelOptions<Fields extends string = string>
  extends Omit<ModelOptions, 'table' | 'columns' | 'primaryKey' | 'readOnly' | 'archive' | 'touch'> {
  /** Fields that this endpoint neither shows nor writes. */
  omit?: readonly Fields[]
  /** Fields that are shown and not written. */
  readOnly?: readonly Fields[]
  archive?: Fields
  touch?: Fields | readonly Fields[]
  /** Beside those that Prisma declares between the exposed models. */
  relations?: Readonly<Record<string, Relation>>
}

/** Options of `schemaFromPrisma`. */
export interface PrismaSchemaOptions<Client> {
  /** What is exposed, by the client's name for it: `task` for `prisma.task`. Nothing else is. */
  models: { [M in ModelName<Client>]?: PrismaModelOptions<FieldName<Client, M>> }
}

/**
 * A schema made from a Prisma client: fields, enums, table and column names, `@updatedAt` and relations are Prisma's.
 * Values travel as this protocol has them: BigInt, Decimal and DateTime are strings; an enum value with `@map` travels
 * under the label that the database has.
 *
 * @throws TypeError when the client has no such model, or the model no `@id` of one field.
 * @example
 * const schema = schemaFromPrisma(prisma, { models: { task: {}, project: { policy: { by: 'none' } } } })
 */
export function schemaFromPrisma<Client, const O extends PrismaSchemaOptions<Client>>(
  prisma: Client,
  options: O & PrismaSchemaOptions<Client>,
): Schema<{
  [M in keyof O['models'] & ModelName<Client>]: ModelDefinition<
    Omit<ShapeOf<Client, M>, OmittedOf<O['models'][M]>> extends infer S extends Record<string, z.ZodType>
      ? S
      : never
  >
}> {
  const data = readDataModel(prisma)
  const byName = new Map([...data.models.values()].map((model) => [delegateName(model), model]))
  const exposed = new Map<PrismaModel, PrismaModelOptions>()
  for (const [name, own] of Object.entries(options.models as Record<string, PrismaModelOptions>)) {
    const model = byName.get(name)
    if (model === undefined) throw new TypeError(`${name}: the client has no such model`)
    exposed.set(model, own)
  }
  const definitions: Record<string, ModelDefinition> = {}
  for (const [model, own] of exposed)
    definitions[delegateName(model)] = definitionOf(model, own, exposed, data)
  return prismaMapping(prisma, defineSchema(definitions, { casing: 'same' })).schema as never
}

type OmittedOf<O> = O extends { omit: readonly (infer Name)[] } ? Name & string : never

type Exposed = ReadonlyMap<PrismaModel, PrismaModelOptions>

function definitionOf(
  model: PrismaModel,
  { omit = [], relations = {}, ...own }: PrismaModelOptions,
  exposed: Exposed,
  data: PrismaDataModel,
): ModelDefinition {
  const shown = model.fields.filter(({ name, kind }) => !omit.includes(name) && kind !== 'unsupported')
  const stored = shown.filter(({ kind }) => kind !== 'object')
  const key = model.fields.find(({ id }) => id)
  if (key === undefined) throw new TypeError(`${delegateName(model)}: a model needs an @id of one field`)
  const shape = Object.fromEntries(stored.map((one) => [one.name, fieldType(one, data)]))
  const declared: Record<string, Relation> = {}
  for (const one of shown) {
    const found = one.kind === 'object' ? relationOf(model, one, exposed, data) : undefined
    if (found !== undefined && (found.type === 'hasMany' || found.field in shape)) declared[one.name] = found
  }
  const options = { mutable: true, ...own, primaryKey: key.name } as ModelOptions
  return { shape, relations: { ...declared, ...relations }, options }
}

/** A relation field as this protocol has it; undefined for what it has no place for, as keys of several columns. */
function relationOf(
  model: PrismaModel,
  own: PrismaField,
  exposed: Exposed,
  data: PrismaDataModel,
): Relation | undefined {
  const other = data.models.get(own.type)
  if (other === undefined || !exposed.has(other)) return undefined
  const holder = own.relation === undefined ? model : other
  const held = own.relation ?? other.fields.find((far) => isBackOf(far, own, model))?.relation
  const [at, ...more] = held?.fields ?? []
  const refersToKey = holder.fields.some(({ name, id }) => id && name === held?.references[0])
  if (at === undefined || more.length > 0 || !refersToKey) return undefined
  if (own.relation !== undefined) return relation.belongsTo(delegateName(other), at)
  return own.list && !exposed.get(other)?.omit?.includes(at)
    ? relation.hasMany(delegateName(other), at)
    : undefined
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
