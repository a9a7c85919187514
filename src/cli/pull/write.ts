import { isMade } from '../../adapters/postgres/catalogue.ts'
import { fieldText } from './fields.ts'
import { cannotCreate, type LeftOut, type PulledModel } from './models.ts'
import { keyText, quoted, snake } from './names.ts'

/** The models as a module in TypeScript. */
export function schemaText(models: readonly PulledModel[], leftOut: readonly LeftOut[]): string {
  const body = models.map(modelText).join('\n')
  const used = (name: string): boolean => new RegExp(`\\b${name}[.(]`).test(body)
  const imports = ['field', 'model', 'relation', 'z'].filter(used)
  return [
    `import { ${['defineSchema', ...imports].join(', ')} } from 'postern'`,
    '',
    '// The allow-list: what is not here can be neither read nor written. Take out what callers need not see.',
    'export const schema = defineSchema({',
    ...(body === '' ? [] : [body]),
    ...leftOut.map(({ table, why }) => `  // ${table} is left out: ${why}`),
    '})',
    '',
  ].join('\n')
}

function modelText(model: PulledModel): string {
  const { name, table, fields, omitted, relations, policy } = model
  const lines = fields
    // the key `id` of a text needs no mention
    .filter(({ name: at, column }) => !(at === 'id' && ['text', 'varchar'].includes(column.base)))
    .map(({ name: at, column }) => `      ${keyText(at)}: ${fieldText(column, table.labels[column.name])},`)
  const hidden = omitted.map(({ column, why }) => `      // ${column.name} is left out: ${why}`)
  const shape =
    lines.length + hidden.length === 0 ? '    {},' : ['    {', ...lines, ...hidden, '    },'].join('\n')
  const related = relations.map(
    (one) => `      ${keyText(one.name)}: relation.${one.type}(${quoted(one.model)}, ${quoted(one.field)}),`,
  )
  const options = optionLines(model)
  const rest =
    options.length > 0 || related.length > 0
      ? [
          related.length === 0 ? '    {},' : ['    {', ...related, '    },'].join('\n'),
          ...(options.length === 0 ? [] : ['    {', ...options, '    },']),
        ]
      : []
  const note = policy.by === 'none' ? [NOBODYS] : []
  return [...note, `  ${keyText(name)}: model(`, shape, ...rest, '  ),'].join('\n')
}

const NOBODYS =
  '  // No tenant was found here: every signed caller may read all rows. Say whose they are, or leave it so.'

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
  if (policy.by === 'none') lines.push("policy: { by: 'none' }", 'mutable: false')
  else if (policy.by === 'parent') {
    lines.push(`policy: { by: 'parent', fk: ${quoted(policy.fk)}, parent: ${quoted(policy.parent)} }`)
  } else if (policy.column !== 'organization_id') {
    lines.push(`policy: { by: 'column', column: ${quoted(policy.column)} }`)
  }
  // the tenants themselves are not made or dropped through here
  if (policy.by === 'column' && policy.column === key.name) lines.push("mutable: ['UPDATE']")
  else if (policy.by !== 'none' && cannotCreate(model)) lines.push("mutable: ['UPDATE', 'DELETE']")
  const made = fields.filter(({ column }) => isMade(column) && column !== key)
  if (made.length > 0) lines.push(`readOnly: [${made.map(({ name: at }) => quoted(at)).join(', ')}]`)
  const touch = fields.find(
    ({ name: at, column }) =>
      /^(updatedAt|updated|modifiedAt)$/.test(at) && ['timestamptz', 'timestamp'].includes(column.base),
  )
  if (touch !== undefined && policy.by !== 'none') lines.push(`touch: ${quoted(touch.name)}`)
  return lines.map((line) => `      ${line},`)
}
