import type { Schema } from '../../core/schema/define.ts'
import type { PostgresConnection } from '../connection.ts'
import type { InstallOptions } from '../naming.ts'

/** What a source was made of. The schema has the ORM's names in it. */
export interface AdapterParts {
  readonly connection: PostgresConnection
  readonly schema: Schema
  readonly options: InstallOptions
}

/** Of the global registry: the application's copy of this package and the command line's need not be one. */
const key = Symbol.for('postern.parts')

export const withParts = <S extends object>(source: S, parts: AdapterParts): S => ({
  ...source,
  [key]: parts,
})

/** For the command line, which is given a source and asks the database what no source answers. */
export const partsOf = (source: object): AdapterParts | undefined => (source as { [key]?: AdapterParts })[key]
