import { randomInt, randomUUID } from 'node:crypto'
import { PosternError } from '../../core/errors.ts'
import type { ClientValues, Maker } from '../../core/rules/client-values.ts'
import type { Model, Schema } from '../../core/schema/define.ts'
import { remapSchema } from '../../core/schema/remap.ts'
import { madeFor, parseExactly } from '../made-values.ts'
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
    const isNamed = schema.definitions[model.name]?.options.table !== undefined
    const own = findModel(data, model, isNamed, options.models ?? {})
    if (own === undefined) return undefined
    const made = clientValues(own, data, options.generators ?? {})
    values.set(model.name, made)
    const stored = own.fields.filter(({ kind }) => kind !== 'object')
    return {
      table: own.table,
      columns: Object.fromEntries(stored.map(({ name, column }) => [name, column])),
      made: [...made.create.keys()],
      touch: stored.filter(isTouched).map(({ name }) => name),
    }
  })
  return { schema: mapped, values }
}

/**
 * The model that is told, else the one whose table the schema names, else Prisma's name of a model, as in its schema
 * (`Task`) or on the client (`task`), else the table. A name without a schema is one of `public`.
 */
function findModel(
  data: PrismaDataModel,
  model: Model,
  isNamed: boolean,
  given: Readonly<Record<string, string>>,
): PrismaModel | undefined {
  const all = [...data.models.values()]
  const named = (name: string) =>
    all.find((own) => own.name === name) ?? all.find((own) => delegateName(own) === name)
  if (Object.hasOwn(given, model.name)) {
    const name = given[model.name] as string
    const own = named(name)
    if (own === undefined) throw new TypeError(`${model.name}: Prisma has no model ${name}`)
    return own
  }
  const byTable = all.find(
    ({ table }) =>
      table.name === model.table.name && (table.schema ?? 'public') === (model.table.schema ?? 'public'),
  )
  return isNamed ? byTable : (named(model.name) ?? byTable)
}

/** How a client names a model: `prisma.task` for `Task`. */
export const delegateName = ({ name }: PrismaModel): string => name.slice(0, 1).toLowerCase() + name.slice(1)

/** `@updatedAt` on a point in time: the database sets it, to the time of the commit. */
const isTouched = (field: PrismaField): boolean => field.updatedAt && sqlType(field) === 'timestamp'

function clientValues(model: PrismaModel, data: PrismaDataModel, generators: PrismaGenerators): ClientValues {
  const create = new Map<string, Maker>()
  const update = new Map<string, Maker>()
  for (const field of model.fields) {
    const touch: Maker | undefined =
      field.updatedAt && !isTouched(field) ? (now) => madeFor(sqlType(field), now) : undefined
    const make = makerOf(model, field, data, generators) ?? touch
    if (make !== undefined) create.set(field.name, make)
    if (touch !== undefined) update.set(field.name, touch)
  }
  return { create, update }
}

/** The SQL type of a field, as far as its values depend on it. */
function sqlType({ type, native }: PrismaField): string {
  if (type === 'Json') return 'jsonb'
  if (type !== 'DateTime') return ''
  const name = /^[A-Za-z]+/.exec(native ?? '')?.[0]
  return name === 'Date' || name === 'Time' || name === 'Timetz' ? name.toLowerCase() : 'timestamp'
}

/** What `@default(...)` stands for; undefined where the database makes the value, or nothing does. */
function makerOf(
  model: PrismaModel,
  field: PrismaField,
  data: PrismaDataModel,
  generators: PrismaGenerators,
): Maker | undefined {
  if (field.default === undefined) return undefined
  const call = /^(\w+)\((.*)\)$/s.exec(field.default)
  if (call === null) return () => literal(field.default as string, field, data)
  const [, name, text] = call
  const argument = text === '' ? undefined : Number(text)
  switch (name) {
    case 'now':
      return (now) => madeFor(sqlType(field), now)
    case 'uuid':
      return argument === 7 ? uuid7 : () => randomUUID()
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
      return parseExactly(stringOf(text))
    case 'DateTime':
      return madeFor(sqlType(field), new Date(stringOf(text)))
    default:
      return text.startsWith('"') ? stringOf(text) : text
  }
}

/** The last time and counter that were given out: ids of one millisecond sort in the order in which they were made. */
const last = { time: 0, counter: 0 }

/** RFC 9562, version 7: 48 bits of milliseconds, 12 bits of a counter (its method 1), then random bits. */
function uuid7(): string {
  const time = Math.max(Date.now(), last.time)
  // begun in the lower half, so that there is room to count up
  last.counter = time === last.time ? last.counter + 1 : randomInt(0x800)
  last.time = time
  if (last.counter > 0xfff) {
    last.time += 1
    last.counter = 0
  }
  const hex = last.time.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${last.counter.toString(16).padStart(3, '0')}${randomUUID().slice(18)}`
}
