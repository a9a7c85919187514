import { isMade } from '../../postgres/model/catalog.ts'
import { visible } from '../visible.ts'
import { fieldText } from './fields.ts'
import { cannotCreate, type LeftOut, type PulledModel } from './models.ts'
import { keyText, quoted, snake } from './names.ts'

/** The models as a module in TypeScript. Those of nobody are comments, unless `includeShared`. */
export function schemaText(
  models: readonly PulledModel[],
  leftOut: readonly LeftOut[],
  includeShared: boolean,
): string {
  const isShared = (one: PulledModel): boolean => one.policy.by === 'none' && !includeShared
  const absent = new Set(models.filter(isShared).map(({ name }) => name))
  const body = models.map((one) => {
    const text = modelText(one, absent)
    return absent.has(one.name) ? text.replace(/^ {2}(?!\/\/ No)/gm, '  // ') : text
  })
  const code = body.join('\n').replace(/^ *\/\/.*$/gm, '')
  const used = (name: string): boolean => new RegExp(`\\b${name}[.(]`).test(code)
  const imports = ['field', 'model', 'relation', 'z'].filter(used)
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

function modelText(model: PulledModel, absent: ReadonlySet<string>): string {
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
  return [
    ...note,
    `  ${keyText(name)}: model({`,
    ...block('fields', [...lines, ...hidden]),
    ...(related.length === 0 ? [] : block('relations', related)),
    ...optionLines(model),
    '  }),',
  ].join('\n')
}

const block = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [`    ${name}: {},`] : [`    ${name}: {`, ...lines, '    },']

const NOBODYS =
  '  // No tenant was found here: every signed caller may read all rows. Say whose they are, or leave it so.'
const ABSENT =
  '  // No tenant was found here, so it is left out: say whose rows they are, or let every signed caller read them all.'

function optionLines(model: PulledModel): string[] {
  const { name, table, fields, key, policy } = model
  const lines: string[] = []
  const bare = snake(name)
  if (!table.visible) lines.push(`table: ${quoted(`${table.schema}.${table.name}`)}`)
  else if (bare !== table.name) lines.push(`table: ${quoted(table.name)}`)
  const columns = fields.filter(({ name: at, column }) => snake(at) !== column.name)
  if (columns.length > 0) {
    const pairs = columns.map(({ name: at, column }) => `${keyText(at)}: ${quoted(column.name)}`)
    lines.push(`columns: { ${pairs.join(', ')} }`)
  }
  const keyField = fields.find(({ column }) => column === key)
  if (keyField !== undefined && keyField.name !== 'id') lines.push(`primaryKey: ${quoted(keyField.name)}`)
  if (policy.by === 'none') lines.push("policy: { by: 'none' }")
  else if (policy.by === 'parent') {
    lines.push(`policy: { by: 'parent', fk: ${quoted(policy.fk)}, parent: ${quoted(policy.parent)} }`)
  } else if (policy.column !== 'organization_id') {
    lines.push(`policy: { by: 'column', column: ${quoted(policy.column)} }`)
  }
  const made = fields.filter(({ column }) => isMade(column) && column !== key)
  // without a field that input may set, nothing is left to update
  const settable = fields.some((one) => one.column !== key && !made.includes(one))
  // the tenants themselves are not made or dropped through here
  const isTenant = policy.by === 'column' && policy.column === key.name
  const mutable = [
    ...(isTenant || cannotCreate(model) ? [] : ['CREATE']),
    ...(settable ? ['UPDATE'] : []),
    ...(isTenant ? [] : ['DELETE']),
  ]
  if (policy.by !== 'none' && mutable.length > 0) {
    lines.push(`mutable: [${mutable.map((one) => quoted(one)).join(', ')}]`)
  }
  if (made.length > 0) lines.push(`readOnly: [${made.map(({ name: at }) => quoted(at)).join(', ')}]`)
  const touch = fields.find(
    ({ name: at, column }) =>
      /^(updatedAt|updated|modifiedAt)$/.test(at) && ['timestamptz', 'timestamp'].includes(column.base),
  )
  if (touch !== undefined && policy.by !== 'none') lines.push(`touch: ${quoted(touch.name)}`)
  return lines.map((line) => `    ${line},`)
}
