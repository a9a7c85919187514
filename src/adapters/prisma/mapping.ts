import { randomUUID } from 'node:crypto'
import { PosternError } from '../../core/errors.ts'
import type { ClientValues } from '../../core/rules/client-values.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { remapSchema } from '../../core/schema/remap.ts'
import type { PrismaDataModel, PrismaField, PrismaModel } from './data-model.ts'
import { readDataModel, stringOf } from './data-model.ts'

/** What cannot be read from a Prisma client. */
export interface PrismaMappingOptions {
  /** The schema's model to Prisma's, where neither Prisma's name for it nor its table says so: `{ tasks: 'Todo' }`. */
  models?: Readonly<Record<string, string>>
  /**
   * What makes the ids of `@default(cuid())`, `nanoid()` and `ulid()`: Prisma keeps its own to itself. The argument is
   * the schema's, for example 2 for `cuid(2)`. `uuid()` needs none.
   */
  generators?: PrismaGenerators
}

/** Makers of ids that Prisma keeps to itself, by the name of the function in `@default(...)`. */
export type PrismaGenerators = Partial<
  Record<'cuid' | 'nanoid' | 'ulid', (argument: number | undefined) => string>
>

/** The schema with Prisma's names, and what Prisma would give a create. */
export function prismaMapping<S extends Schema>(
  prisma: unknown,
  schema: S,
  options: PrismaMappingOptions = {},
): { schema: S; values: ReadonlyMap<string, ClientValues> } {
  const data = readDataModel(prisma)
  const values = new Map<string, ClientValues>()
  const mapped = remapSchema(schema, (model) => {
    const own = findModel(data, model, options.models ?? {})
    if (own === undefined) return undefined
    const create = createValues(own, data, options.generators ?? {})
    values.set(model.name, { create, update: {} })
    const stored = own.fields.filter(({ kind }) => kind !== 'object')
    return {
      table: own.table,
      columns: Object.fromEntries(stored.map(({ name, column }) => [name, column])),
      made: Object.keys(create),
      touch: stored.filter(({ updatedAt }) => updatedAt).map(({ name }) => name),
    }
  })
  return { schema: mapped, values }
}

/** Prisma's name of a model, as in the schema (`Task`) or on the client (`task`); else the table. */
function findModel(
  data: PrismaDataModel,
  model: Model,
  given: Readonly<Record<string, string>>,
): PrismaModel | undefined {
  const all = [...data.models.values()]
  const named = (name: string) => all.find((own) => own.name === name || delegateName(own) === name)
  const name = given[model.name]
  if (name === undefined) return named(model.name) ?? all.find((own) => own.table.name === model.table.name)
  const own = named(name)
  if (own === undefined) throw new TypeError(`${model.name}: Prisma has no model ${name}`)
  return own
}

/** How a client names a model: `prisma.task` for `Task`. */
export const delegateName = ({ name }: PrismaModel): string => name.slice(0, 1).toLowerCase() + name.slice(1)

function createValues(model: PrismaModel, data: PrismaDataModel, generators: PrismaGenerators) {
  const makers: Record<string, () => unknown> = {}
  for (const field of model.fields) {
    const make = makerOf(model, field, data, generators)
    if (make !== undefined) makers[field.name] = make
  }
  return makers
}

/** What `@default(...)` stands for; undefined where the database makes the value, or nobody. */
function makerOf(
  model: PrismaModel,
  field: PrismaField,
  data: PrismaDataModel,
  generators: PrismaGenerators,
): (() => unknown) | undefined {
  if (field.default === undefined) return undefined
  const call = /^(\w+)\((.*)\)$/s.exec(field.default)
  if (call === null) return () => literal(field.default as string, field, data)
  const [, name, text] = call
  const argument = text === '' ? undefined : Number(text)
  switch (name) {
    case 'now':
      return () => new Date()
    case 'uuid':
      return argument === 7 ? uuid7 : randomUUID
    case 'cuid':
    case 'nanoid':
    case 'ulid':
      return () => {
        const make = generators[name]
        if (make !== undefined) return make(argument)
        throw new PosternError(
          'source_adapter_misconfigured',
          `${model.name}.${field.name}: Prisma does not share its ${name}(). Give one as generators: { ${name} }, or send the field.`,
        )
      }
    default:
      return undefined // dbgenerated, autoincrement, sequence
  }
}

function literal(text: string, field: PrismaField, data: PrismaDataModel): unknown {
  if (text.startsWith('[')) {
    const members = text.slice(1, -1).match(/"(?:[^"\\]|\\.)*"|[^\s,]+/g) ?? []
    return members.map((member) => literal(member, { ...field, list: false }, data))
  }
  if (field.kind === 'enum') return data.enums.get(field.type)?.get(text) ?? text
  switch (field.type) {
    case 'Boolean':
      return text === 'true'
    case 'Int':
    case 'Float':
      return Number(text)
    case 'Json':
      return JSON.parse(stringOf(text)) as unknown
    case 'DateTime':
      return new Date(stringOf(text))
    default:
      return text.startsWith('"') ? stringOf(text) : text
  }
}

/** RFC 9562: 48 bits of milliseconds, then random bits under version 7. */
function uuid7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
