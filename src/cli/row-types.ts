import type { Field, Model, Schema } from '../core/schema/define.ts'
import { typeText, unwrap } from '../core/schema/kind.ts'
import { keyText, quoted } from './pull/names.ts'

/** The rows of every model as they travel, as a module of types that imports nothing. */
export function rowTypes(schema: Schema): string {
  const models = [...schema.models.values()]
  return [
    '// Made by `npx postern generate`. Do not edit: change the schema and make it again.',
    '',
    ...models.flatMap((model) => [
      `/** A row of ${model.name}, as it travels. */`,
      `export interface ${typeName(model)} {`,
      ...[...model.fields.values()].map((field) => `  ${keyText(field.name)}: ${valueType(field)}`),
      '}',
      '',
    ]),
    '/** Rows by model name. */',
    'export interface Rows {',
    ...models.map((model) => `  ${keyText(model.name)}: ${typeName(model)}`),
    '}',
    '',
  ].join('\n')
}

const typeName = ({ name }: Model): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}Row`

function valueType(field: Field): string {
  const { kind, check, nullable } = field
  let inner = check === undefined ? undefined : (unwrap(check)._zod.def as Def)
  while (kind === 'array' && inner?.element !== undefined)
    inner = unwrap(inner.element as never)._zod.def as Def
  const type = typeText(field, valuesOf(inner))
  return nullable && type !== 'unknown' ? `${type} | null` : type
}

interface Def {
  readonly type: string
  readonly element?: unknown
  readonly entries?: Readonly<Record<string, unknown>>
  readonly values?: readonly unknown[]
}

function valuesOf(def: Def | undefined): string | undefined {
  if (def?.type !== 'enum' && def?.type !== 'literal') return undefined
  const values = def.type === 'enum' ? Object.values(def.entries ?? {}) : (def.values ?? [])
  return values
    .map((value) => {
      if (typeof value === 'string') return quoted(value)
      // What JSON has no literal for travels as a text.
      return value === null || ['number', 'boolean'].includes(typeof value) ? JSON.stringify(value) : 'string'
    })
    .join(' | ')
}
