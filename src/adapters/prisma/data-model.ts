/**
 * What a Prisma client knows of its own models at run time. Names come from `_runtimeDataModel`; defaults,
 * `@updatedAt` and optionality were left out of it, so they are read from the schema's text, which every generated
 * client carries (`_engineConfig.inlineSchema`). Both are internal to Prisma: what is not there is not used, and
 * `migrate` still holds every name against the database.
 */

export interface PrismaField {
  readonly name: string
  readonly column: string
  /** `String`, `Int`, an enum's name, ... */
  readonly type: string
  readonly kind: 'scalar' | 'enum' | 'object' | 'unsupported'
  /** The database's type where the schema names one: `Uuid` of `@db.Uuid`. */
  readonly native: string | undefined
  readonly list: boolean
  readonly optional: boolean
  readonly updatedAt: boolean
  /** The argument of `@default(...)` as it stands in the schema. */
  readonly default: string | undefined
  readonly relationName: string | undefined
  /** For a relation: the fields of this model that hold the reference, and those they refer to. */
  readonly relation:
    | { readonly fields: readonly string[]; readonly references: readonly string[] }
    | undefined
}

export interface PrismaModel {
  readonly name: string
  /** The fields of `@id` or `@@id`; those of the first `@unique` of required fields where there is neither. */
  readonly key: readonly string[]
  readonly table: { readonly schema: string | undefined; readonly name: string }
  readonly fields: readonly PrismaField[]
}

export interface PrismaDataModel {
  readonly models: ReadonlyMap<string, PrismaModel>
  /** Enum to its values: Prisma's name to the database's label. */
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, string>>
}

/** The members that are read of a client. */
interface Internals {
  readonly _runtimeDataModel?: {
    readonly models: Readonly<Record<string, RuntimeModel>>
  }
  readonly _engineConfig?: {
    readonly inlineSchema?: string
    /** The driver adapter, with the schema that it was given for tables without one of their own. */
    readonly adapter?: { readonly options?: { readonly schema?: string } }
  }
}

interface RuntimeModel {
  readonly dbName?: string | null
  readonly schema?: string | null
  readonly fields: readonly {
    readonly name: string
    readonly kind: PrismaField['kind']
    readonly type: string
    readonly dbName?: string | null
    readonly relationName?: string
  }[]
}

/** Reads a `PrismaClient`, an extended one, or one inside a transaction. */
export function readDataModel(prisma: unknown): PrismaDataModel {
  const { _runtimeDataModel, _engineConfig } = prisma as Internals
  const text = parseSchema(_engineConfig?.inlineSchema ?? '')
  const models = new Map<string, PrismaModel>()
  const schema = _engineConfig?.adapter?.options?.schema
  for (const [name, model] of Object.entries(_runtimeDataModel?.models ?? {})) {
    const lines = text.models.get(name)
    models.set(name, {
      name,
      key: keyOf(lines),
      table: { schema: model.schema ?? schema, name: model.dbName ?? name },
      fields: model.fields.map((field) => ({
        name: field.name,
        column: field.dbName ?? field.name,
        type: field.type,
        kind: field.kind,
        relationName: field.relationName,
        ...describe(lines?.fields.get(field.name)),
      })),
    })
  }
  return { models, enums: text.enums }
}

function keyOf(model: ModelText | undefined): readonly string[] {
  const having = (name: string) =>
    [...(model?.fields ?? [])].filter(([, field]) => field.attributes.has(name) && !field.optional)
  const [[id] = []] = having('id')
  if (id !== undefined) return [id]
  const [[unique] = []] = having('unique')
  return model?.id ?? (unique === undefined ? [] : [unique])
}

interface FieldText {
  readonly list: boolean
  readonly optional: boolean
  /** Attribute to its argument, '' where it has none. */
  readonly attributes: ReadonlyMap<string, string>
}

const attribute = (field: FieldText | undefined, name: string): string | undefined =>
  field?.attributes.get(name)

function describe(field: FieldText | undefined) {
  const relation = attribute(field, 'relation') ?? ''
  const fields = names(/\bfields:\s*\[([^\]]*)\]/.exec(relation)?.[1])
  const references = names(/\breferences:\s*\[([^\]]*)\]/.exec(relation)?.[1])
  return {
    list: field?.list ?? false,
    optional: field?.optional ?? false,
    updatedAt: attribute(field, 'updatedAt') !== undefined,
    default: attribute(field, 'default'),
    native: [...(field?.attributes.keys() ?? [])].find((name) => name.startsWith('db.'))?.slice(3),
    relation: fields.length === 0 ? undefined : { fields, references },
  }
}

const names = (list: string | undefined): string[] =>
  (list ?? '').split(/[\s,]+/).filter((name) => name !== '')

interface ModelText {
  readonly fields: Map<string, FieldText>
  /** The fields of `@@id`. */
  id: string[] | undefined
}

interface SchemaText {
  models: Map<string, ModelText>
  enums: Map<string, Map<string, string>>
}

/**
 * Reads models and enums of a schema that Prisma has validated: one field or value a line. Generators, datasources and
 * types may bear the name of a model.
 */
function parseSchema(text: string): SchemaText {
  const schema: SchemaText = { models: new Map(), enums: new Map() }
  let read: ((line: string) => void) | undefined
  for (const line of text.split('\n').map((one) => one.trim())) {
    const [, type, name] = /^(\w+)\s+(\w+)\s*\{/.exec(line) ?? []
    if (read === undefined && type !== undefined && name !== undefined) {
      read = () => {}
      if (type === 'enum') {
        const values = new Map<string, string>()
        schema.enums.set(name, values)
        read = (own) => parseValue(own, values)
      } else if (type === 'model' || type === 'view') {
        const model: ModelText = { fields: new Map(), id: undefined }
        schema.models.set(name, model)
        read = (own) => parseField(own, model)
      }
    } else if (line.startsWith('}')) read = undefined
    else read?.(line)
  }
  return schema
}

function parseValue(line: string, values: Map<string, string>): void {
  const name = /^\w+/.exec(line)?.[0]
  if (name === undefined) return
  const label = parseAttributes(line.slice(name.length)).get('map')
  values.set(name, label === undefined ? name : stringOf(label))
}

function parseField(line: string, model: ModelText): void {
  const key = /^@@id\((?:[^["]|"(?:[^"\\]|\\.)*")*\[([^\]]*)\]/.exec(line)
  if (key !== null) model.id = names(key[1])
  const field = /^(\w+)\s+(?:Unsupported\("[^"]*"\)|\w+)(\[\]|\?)?/.exec(line)
  if (field === null) return
  model.fields.set(field[1] as string, {
    list: field[2] === '[]',
    optional: field[2] === '?',
    attributes: parseAttributes(line.slice(field[0].length)),
  })
}

const STRING = String.raw`"(?:[^"\\]|\\.)*"`
const FLAT = `(?:[^()"]|${STRING})`
const ATTRIBUTE = new RegExp(String.raw`\s*@([\w.]+)(?:\(((?:${FLAT}|\(${FLAT}*\))*)\))?`, 'y')

/** Stops at what is no attribute, for example a comment. */
function parseAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>()
  ATTRIBUTE.lastIndex = 0
  for (let match = ATTRIBUTE.exec(text); match !== null; match = ATTRIBUTE.exec(text)) {
    attributes.set(match[1] as string, (match[2] ?? '').trim())
  }
  return attributes
}

/** A string literal of a Prisma schema, whose escapes are JSON's; `map: "x"` and `name: "x"` too. */
export function stringOf(literal: string): string {
  return JSON.parse(/"(?:[^"\\]|\\.)*"/.exec(literal)?.[0] ?? '""') as string
}
