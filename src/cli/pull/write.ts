import { type Column, isMade } from '../../postgres/model/catalog.ts'
import { typeOf } from '../../postgres/model/column-values.ts'
import { visible } from '../visible.ts'
import { fieldText } from './fields.ts'
import { cannotCreate, type LeftOut, type PulledModel } from './models.ts'
import { keyText, quoted, snake } from './names.ts'

/** What a schema lets callers change. */
export interface Writes {
  /** Models, by their names or their tables'; true: all. */
  readonly mutable: boolean | readonly string[]
  readonly capture: boolean
}

/** The models as a module in TypeScript. Those of nobody are comments, unless `includeShared`. */
export function schemaText(
  models: readonly PulledModel[],
  leftOut: readonly LeftOut[],
  { includeShared, ...writes }: Writes & { includeShared: boolean },
): string {
  const absent = absentOf(models, includeShared)
  const texts = models.map((one) => modelText(one, absent, writes))
  const code = texts
    .flatMap(({ isHidden, lines }) => (isHidden ? [] : lines))
    .filter((line) => !line.trimStart().startsWith('//'))
    .join('\n')
  // as they are written above: `z.string()`, `(z.`, `model({`
  const imports = ['field.', 'model(', 'relation.', 'z.'].flatMap((use) =>
    [' ', '('].some((before) => code.includes(before + use)) ? use.slice(0, -1) : [],
  )
  const imported = [`import { ${['defineSchema', ...imports].join(', ')} } from 'postern'`]
  return moduleText({ imports: imported, call: 'defineSchema({', end: '})' }, texts, leftOut)
}

/** A model under the names that an ORM has for it. */
export interface DeclaredModel extends PulledModel {
  /** Whether the ORM knows the key by itself. */
  readonly hasDeclaredKey: boolean
}

/** The same of what an ORM declares: names alone. */
export function exposureText(
  models: readonly DeclaredModel[],
  leftOut: readonly LeftOut[],
  { includeShared, ...writes }: Writes & { includeShared: boolean },
  parts: ModuleParts,
): string {
  const absent = absentOf(models, includeShared)
  const texts = models.map((one) => exposedModelText(one, absent, writes))
  return moduleText(parts, texts, leftOut)
}

/** Models that are written as comments. */
const absentOf = (models: readonly PulledModel[], includeShared: boolean): ReadonlySet<string> =>
  new Set(models.flatMap(({ name, policy }) => (policy.by === 'none' && !includeShared ? [name] : [])))

/** What stands around the models. */
export interface ModuleParts {
  readonly imports: readonly string[]
  /** What makes the schema, up to the models: `schemaFromDrizzle(tables, {`. */
  readonly call: string
  readonly end: string
}

function moduleText(
  { imports, call, end }: ModuleParts,
  texts: readonly ModelText[],
  leftOut: readonly LeftOut[],
): string {
  const body = texts.flatMap(({ isHidden, note, lines }) => [
    ...note,
    ...(isHidden ? lines.map((line) => `  // ${line.slice(2)}`) : lines),
  ])
  return [
    ...imports,
    '',
    '// The allow-list: what is not here can be neither read nor written. Take out what callers need not see.',
    `export const schema = ${call}`,
    ...body,
    ...leftOut.map(({ table, why }) => comment(`${table} is left out: ${why}`)),
    end,
    '',
  ].join('\n')
}

/** What stands in a name ends no comment. */
const comment = (text: string): string => `  // ${visible(text)}`

interface ModelText {
  /** Written as a comment. */
  readonly isHidden: boolean
  /** What a reader must know of it. */
  readonly note: readonly string[]
  readonly lines: readonly string[]
}

function modelText(model: PulledModel, absent: ReadonlySet<string>, writes: Writes): ModelText {
  const { name, table, fields, omitted, relations } = model
  const lines = fields
    // the key `id` of a text needs no mention
    .filter(({ name: at, column }) => !(at === 'id' && ['text', 'varchar'].includes(column.base)))
    .map(({ name: at, column }) => `      ${keyText(at)}: ${fieldText(column, table.labels[column.name])},`)
  const hidden = omittedLines(omitted).map((line) => `  ${line}`)
  const related = relations.map((one) => {
    const text = `${keyText(one.name)}: relation.${one.type}(${quoted(one.model)}, ${quoted(one.field)}),`
    return absent.has(one.model) && !absent.has(name) ? `      // ${text}` : `      ${text}`
  })
  const code = [
    `  ${keyText(name)}: model({`,
    ...block('fields', [...lines, ...hidden]),
    ...(related.length === 0 ? [] : block('relations', related)),
    ...optionLines(model, writes),
    '  }),',
  ]
  return { isHidden: absent.has(name), note: noteOf(model, absent), lines: code }
}

function exposedModelText(model: DeclaredModel, absent: ReadonlySet<string>, writes: Writes): ModelText {
  const { name, fields, keys, omitted, hasDeclaredKey } = model
  // the key comes along
  const shown = fields.filter(({ column }) => !keys.includes(column)).map((one) => quoted(one.name))
  const options = [
    ...(hasDeclaredKey ? [] : [`primaryKey: [${keyOf(model).map(quoted).join(', ')}]`]),
    ...policyLines(model),
    ...writeLines(model, writes),
    ...madeLines(model),
  ]
  const code = [
    `  ${keyText(name)}: {`,
    ...listed(shown),
    ...omittedLines(omitted),
    ...options.map((line) => `    ${line},`),
    '  },',
  ]
  return { isHidden: absent.has(name), note: noteOf(model, absent), lines: code }
}

/** `fields: [...]`, on one line where that is short. */
function listed(names: readonly string[]): string[] {
  const short = `    fields: [${names.join(', ')}],`
  return short.length <= 100 ? [short] : ['    fields: [', ...names.map((name) => `      ${name},`), '    ],']
}

const omittedLines = (omitted: PulledModel['omitted']): string[] =>
  omitted.map(({ column, why }) => `  ${comment(`${column.name} is left out: ${why}`)}`)

const noteOf = ({ name, policy }: PulledModel, absent: ReadonlySet<string>): string[] =>
  policy.by === 'none' ? [absent.has(name) ? ABSENT : NOBODYS] : []

const keyOf = ({ keys, fields }: PulledModel): string[] =>
  keys.flatMap((column) => fields.find((one) => one.column === column)?.name ?? [])

const block = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`    ${name}: {},`] : [`    ${name}: {`, ...lines, '    },']

const NOBODYS =
  '  // No tenant was found here: every signed caller may read all rows. Say whose they are, or leave it so.'
const ABSENT =
  '  // No tenant was found here, so it is left out: say whose rows they are, or let every signed caller read them all.'

export const isTime = (column: Column): boolean => !column.isArray && typeOf(column).kind === 'timestamp'

/** Operations that could succeed on the table. */
function operations(model: PulledModel, made: readonly Column[]): string[] {
  const { fields, keys, policy } = model
  // without a field that input may set, nothing is left to update
  const settable = fields.some(({ column }) => !keys.includes(column) && !made.includes(column))
  // the tenants themselves are not made or dropped through here
  const isTenant = policy.by === 'column' && policy.column === keys[0]?.name && keys.length === 1
  return [
    ...(isTenant || cannotCreate(model) ? [] : ['CREATE']),
    ...(settable ? ['UPDATE'] : []),
    ...(isTenant ? [] : ['DELETE']),
  ]
}

/** What may be changed, and whether the application's own writes are logged. */
function writeLines(model: PulledModel, { mutable, capture }: Writes): string[] {
  const { name, table, fields, keys, policy } = model
  const isMutable =
    mutable === true || (mutable !== false && [name, table.name].some((one) => mutable.includes(one)))
  if (!isMutable || policy.by === 'none') return []
  const made = fields.flatMap(({ column }) => (isMade(column) && !keys.includes(column) ? [column] : []))
  const allowed = operations(model, made)
  // undecided, a mutable model is warned of
  return allowed.length === 0 ? [] : [`mutable: [${allowed.map(quoted).join(', ')}]`, `capture: ${capture}`]
}

function policyLines({ policy }: PulledModel): string[] {
  if (policy.by === 'none') return ["policy: { by: 'none' }"]
  if (policy.by === 'parent')
    return [`policy: { by: 'parent', fk: ${quoted(policy.fk)}, parent: ${quoted(policy.parent)} }`]
  return policy.column === 'organization_id'
    ? []
    : [`policy: { by: 'column', column: ${quoted(policy.column)} }`]
}

/** Fields that the database makes, and the one that holds the time of the last change. */
function madeLines({ fields, keys, policy }: PulledModel): string[] {
  const made = fields.filter(({ column }) => isMade(column) && !keys.includes(column))
  const touch = fields.find(
    ({ name, column }) => /^(updatedAt|updated|modifiedAt)$/.test(name) && isTime(column),
  )
  return [
    ...(made.length > 0 ? [`readOnly: [${made.map(({ name }) => quoted(name)).join(', ')}]`] : []),
    ...(touch !== undefined && policy.by !== 'none' ? [`touch: ${quoted(touch.name)}`] : []),
  ]
}

function optionLines(model: PulledModel, writes: Writes): string[] {
  const { name, table, fields } = model
  const lines: string[] = []
  if (!table.visible) lines.push(`table: ${quoted(`${table.schema}.${table.name}`)}`)
  else if (snake(name) !== table.name) lines.push(`table: ${quoted(table.name)}`)
  const columns = fields.filter(({ name: at, column }) => snake(at) !== column.name)
  if (columns.length > 0) {
    const pairs = columns.map(({ name: at, column }) => `${keyText(at)}: ${quoted(column.name)}`)
    lines.push(`columns: { ${pairs.join(', ')} }`)
  }
  const key = keyOf(model)
  if (key.length > 1) lines.push(`primaryKey: [${key.map(quoted).join(', ')}]`)
  else if (key[0] !== 'id') lines.push(`primaryKey: ${quoted(key[0] ?? 'id')}`)
  lines.push(...policyLines(model), ...writeLines(model, writes))
  const archive = fields.find(({ name: at }) => at === 'archivedAt')
  if (archive !== undefined && !isTime(archive.column)) lines.push('archive: false')
  lines.push(...madeLines(model))
  return lines.map((line) => `    ${line},`)
}
