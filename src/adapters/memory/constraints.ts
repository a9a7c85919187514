import type { RowValue, Target } from '../../core/adapter.ts'
import { PosternError } from '../../core/errors.ts'
import type { Field, Model } from '../../core/schema/define.ts'
import { compareValues, isOrdered, sameValue } from '../../core/schema/kind.ts'
import { tableOf } from '../../core/schema/table.ts'
import type { Tables } from './tables.ts'
import { idFrom } from './tables.ts'

/** As the database's own `=` has it: 1.50 is 1.5 under a unique constraint, though they travel as two texts. */
const isEqual = (field: Field, one: unknown, other: unknown): boolean =>
  isOrdered(field) && one !== null && other !== null
    ? compareValues(field, one, other) === 0
    : sameValue(field, one, other)

/** Constraints that the store in memory keeps, as a database would. */
export interface ConstraintOptions {
  /** Unique keys by model: a field's name, or an array of names that are unique together. Nulls never collide. */
  readonly unique?: Readonly<Record<string, readonly (string | readonly string[])[]>> | undefined
  /** Foreign keys by model: field name to the model whose primary key it holds. A delete of what is referenced is refused. The parents of policies are always referenced. */
  readonly references?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined
}

interface UniqueKey {
  readonly model: Model
  readonly fields: readonly Field[]
  readonly constraint: string
}

interface ForeignKey {
  readonly model: Model
  readonly field: Field
  readonly references: Model
  readonly constraint: string
}

/** Stands in for the constraints of a database, under the names that Postgres would give them. */
export class Constraints {
  readonly #tables: Tables
  readonly #unique: UniqueKey[] = []
  readonly #foreign: ForeignKey[] = []

  /** @throws TypeError naming a model or field that the schema does not have. */
  constructor(tables: Tables, options: ConstraintOptions) {
    this.#tables = tables
    for (const [name, keys] of Object.entries(options.unique ?? {})) {
      const model = tables.model(name)
      for (const key of keys) {
        const fields = (typeof key === 'string' ? [key] : key).map((field) => known(model, field))
        const columns = fields.map(({ column }) => column).join('_')
        this.#unique.push({ model, fields, constraint: `${model.table.name}_${columns}_key` })
      }
    }
    for (const [name, keys] of Object.entries(options.references ?? {})) {
      for (const [fieldName, other] of Object.entries(keys)) this.#refer(tables.model(name), fieldName, other)
    }
    for (const model of tables.models()) {
      const { policy } = model
      // a row that outlives its parent would belong to the tenant that creates the parent's id again
      if (policy.by === 'parent') this.#refer(model, policy.fk, policy.parent)
    }
  }

  #refer(model: Model, fieldName: string, other: string): void {
    const field = known(model, fieldName)
    const references = this.#tables.model(other)
    if (references.key.length > 1) {
      throw new TypeError(
        `${model.name}.${fieldName}: one field cannot refer to ${other}, whose key has several`,
      )
    }
    const constraint = `${model.table.name}_${field.column}_fkey`
    const isSame = (one: ForeignKey): boolean =>
      tableOf(one.model) === tableOf(model) &&
      one.field.column === field.column &&
      tableOf(one.references) === tableOf(references)
    if (this.#foreign.some(isSame)) return
    this.#foreign.push({ model, field, references, constraint })
  }

  /** Before a create: its primary key must be free, whosever row stands there. */
  checkCreate(target: Target): void {
    if (this.#tables.get(target) === undefined) return
    throw new PosternError('unique_violation', undefined, {
      details: { constraint: `${target.model.table.name}_pkey` },
    })
  }

  /** After a row was written: of the whole row, whatever model it was written by. */
  checkWritten(target: Target): void {
    for (const key of this.#unique) if (isOn(key.model, target)) this.#checkUnique(key, target.id)
    for (const key of this.#foreign) if (isOn(key.model, target)) this.#checkReference(key, target.id)
  }

  /** After a row was deleted: nothing may still refer to it. */
  checkDeleted(target: Target): void {
    for (const { model: holder, field, references, constraint } of this.#foreign) {
      if (!isOn(references, target)) continue
      for (const { row } of this.#tables.all(holder).values()) {
        if (idFrom(references, row[field.name]) === target.id) {
          throw violation('foreign_key_violation', constraint)
        }
      }
    }
  }

  #checkUnique({ model, fields, constraint }: UniqueKey, id: string): void {
    const row = this.#rowOf(model, id)
    if (fields.some(({ name }) => row[name] === null)) return
    for (const [otherId, other] of this.#tables.all(model)) {
      const collides = fields.every((field) => isEqual(field, row[field.name], other.row[field.name]))
      if (otherId !== id && collides) throw violation('unique_violation', constraint)
    }
  }

  #checkReference({ model, field, references, constraint }: ForeignKey, id: string): void {
    const value = this.#rowOf(model, id)[field.name]
    if (value === null) return
    const named = idFrom(references, value)
    if (named === null || this.#tables.get({ model: references, id: named }) === undefined) {
      throw violation('foreign_key_violation', constraint)
    }
  }

  #rowOf(model: Model, id: string): RowValue {
    return this.#tables.get({ model, id })?.row ?? {}
  }
}

const isOn = (model: Model, target: Target): boolean => tableOf(model) === tableOf(target.model)

const violation = (code: 'unique_violation' | 'foreign_key_violation', constraint: string): PosternError =>
  new PosternError(code, undefined, { details: { constraint } })

function known(model: Model, name: string): Field {
  const field = model.fields.get(name)
  if (field === undefined) throw new TypeError(`${model.name} has no field ${name}`)
  return field
}
