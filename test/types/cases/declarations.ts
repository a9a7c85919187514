import { defineSchema, model, relation, z } from 'postern'

// case: a schema of one model with nothing but fields
export const small = defineSchema({ notes: model({ fields: { text: z.string() } }) })

// refused: Type '"nothing"' is not assignable to type '"notes"'
export const noModel = defineSchema({ notes: model({ fields: { parentId: z.string() }, relations: { parent: relation.belongsTo('nothing', 'parentId') } }) })

// refused: Type '"parnetId"' is not assignable to type '"parentId"'
export const noField = model({ fields: { parentId: z.string() }, relations: { parent: relation.belongsTo('notes', 'parnetId') } })

// refused: 'mutabel' does not exist
export const noOption = model({ fields: { text: z.string() }, mutabel: true })

// refused: Type '"UPDAET"' is not assignable to type
export const noOperation = model({ fields: { text: z.string() }, mutable: ['UPDAET'] })

// refused: Type '"txt"' is not assignable to type
export const noReadOnly = model({ fields: { text: z.string() }, readOnly: ['txt'] })

// refused: Type '"deletedAt"' is not assignable to type
export const noArchive = model({ fields: { text: z.string() }, archive: 'deletedAt' })

// refused: Type '"b"' is not assignable to type
export const noKey = model({ fields: { a: z.string() }, primaryKey: ['a', 'b'] })
