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
  const isShared = (one: PulledModel): boolean => one.policy.by === 'none' && !includeShared
  const absent = new Set(models.filter(isShared).map(({ name }) => name))
  const texts = models.map((one) => ({ hidden: absent.has(one.name), ...modelText(one, absent, writes) }))
  const body = texts.map(({ hidden, note, lines }) =>
    [...note, ...(hidden ? lines.map((line) => `  // ${line.slice(2)}`) : lines)].join('\n'),
  )
  const code = texts
    .flatMap(({ hidden, lines }) => (hidden ? [] : lines))
    .filter((line) => !line.trimStart().startsWith('//'))
    .join('\n')
  // as they are written above: `z.string()`, `(z.`, `model({`
  const imports = ['field.', 'model(', 'relation.', 'z.'].flatMap((use) =>
    [' ', '('].some((before) => code.includes(before + use)) ? use.slice(0, -1) : [],
  )
  return [
    `import { ${['defineSchema', ...imports].join(', ')} } from 'postern'`,
    '',
    '// The allow-list: what is not here can be neither read nor written. Take out what callers need not see.',
    'export const schema = defineSchema({',
    ...body,
    ...leftOut.map(({ table, why }) => comment(`${table} is left out: ${why}`)),
    '})',
    '',
  ].join('\n')
}

/** What stands in a name ends no comment. */
const comment = (text: string): string => `  // ${visible(text)}`

interface ModelText {
  /** What a reader must know of it. */
  readonly note: readonly string[]
  readonly lines: readonly string[]
}

function modelText(model: PulledModel, absent: ReadonlySet<string>, writes: Writes): ModelText {
  const { name, table, fields, omitted, relations, policy } = model
  const lines = fields
    // the key `id` of a text needs no mention
    .filter(({ name: at, column }) => !(at === 'id' && ['text', 'varchar'].includes(column.base)))
    .map(({ name: at, column }) => `      ${keyText(at)}: ${fieldText(column, table.labels[column.name])},`)
  const hidden = omitted.map(({ column, why }) => `    ${comment(`${column.name} is left out: ${why}`)}`)
  const related = relations.map((one) => {
    const text = `${keyText(one.name)}: relation.${one.type}(${quoted(one.model)}, ${quoted(one.field)}),`
    return absent.has(one.model) && !absent.has(name) ? `      // ${text}` : `      ${text}`
  })
  const note = policy.by === 'none' ? [absent.has(name) ? ABSENT : NOBODYS] : []
  const code = [
    `  ${keyText(name)}: model({`,
    ...block('fields', [...lines, ...hidden]),
    ...(related.length === 0 ? [] : block('relations', related)),
    ...optionLines(model, writes),
    '  }),',
  ]
  return { note, lines: code }
}

const block = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`    ${name}: {},`] : [`    ${name}: {`, ...lines, '    },']

const NOBODYS =
  '  // No tenant was found here: every signed caller may read all rows. Say whose they are, or leave it so.'
const ABSENT =
  '  // No tenant was found here, so it is left out: say whose rows they are, or let every signed caller read them all.'

const isTime = (column: Column): boolean => !column.isArray && typeOf(column).kind === 'timestamp'

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

function optionLines(model: PulledModel, writes: Writes): string[] {
  const { name, table, fields, keys, policy } = model
  const isKey = (column: Column): boolean => keys.includes(column)
  const lines: string[] = []
  const bare = snake(name)
  if (!table.visible) lines.push(`table: ${quoted(`${table.schema}.${table.name}`)}`)
  else if (bare !== table.name) lines.push(`table: ${quoted(table.name)}`)
  const columns = fields.filter(({ name: at, column }) => snake(at) !== column.name)
  if (columns.length > 0) {
    const pairs = columns.map(({ name: at, column }) => `${keyText(at)}: ${quoted(column.name)}`)
    lines.push(`columns: { ${pairs.join(', ')} }`)
  }
  const key = keys.flatMap((column) => fields.find((one) => one.column === column)?.name ?? [])
  if (key.length > 1) lines.push(`primaryKey: [${key.map(quoted).join(', ')}]`)
  else if (key[0] !== 'id') lines.push(`primaryKey: ${quoted(key[0] ?? 'id')}`)
  if (policy.by === 'none') lines.push("policy: { by: 'none' }")
  else if (policy.by === 'parent') {
    lines.push(`policy: { by: 'parent', fk: ${quoted(policy.fk)}, parent: ${quoted(policy.parent)} }`)
  } else if (policy.column !== 'organization_id') {
    lines.push(`policy: { by: 'column', column: ${quoted(policy.column)} }`)
  }
  const made = fields.filter(({ column }) => isMade(column) && !isKey(column))
  lines.push(...writeLines(model, writes))
  const archive = fields.find(({ name: at }) => at === 'archivedAt')
  if (archive !== undefined && !isTime(archive.column)) lines.push('archive: false')
  if (made.length > 0) lines.push(`readOnly: [${made.map(({ name: at }) => quoted(at)).join(', ')}]`)
  const touch = fields.find(
    ({ name: at, column }) => /^(updatedAt|updated|modifiedAt)$/.test(at) && isTime(column),
  )
  if (touch !== undefined && policy.by !== 'none') lines.push(`touch: ${quoted(touch.name)}`)
  return lines.map((line) => `    ${line},`)
}
