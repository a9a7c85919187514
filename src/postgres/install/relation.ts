import { PosternError } from '../../core/errors.ts'
import type { Schema } from '../../core/schema/define.ts'
import type { PostgresSession } from '../connection.ts'
import { bindTable } from '../model/bind.ts'
import type { BoundModel, BoundModels, Words } from '../model/bound-model.ts'
import { scopeOf, wordsOf } from '../model/bound-model.ts'
import type { Column, Table } from '../model/catalog.ts'
import { MisfitError } from '../model/fault.ts'
import { referenceFaults } from '../model/references.ts'

/** A table that the log knows, with all that the models of every installed schema version expect of it. */
export interface Relation {
  readonly rel: number
  readonly table: Table
  /** The first model on it: key, policy and parent are the same for all of them. */
  readonly bound: BoundModel
  readonly scope: string
  readonly parent: Relation | null
  /** The columns that some installed version exposes; never the others, which may hold secrets. */
  readonly kept: readonly Column[]
  /** Archive columns of the installed versions. */
  readonly archives: readonly Column[]
  /** True: with triggers; false: without; undefined: as it is. */
  readonly capture: boolean | undefined
}

/** What is installed already. */
export interface Installed {
  readonly relations: readonly {
    readonly rel: number
    readonly name: string
    readonly oid: string
    readonly world: string
    readonly scope: string
    readonly capture: boolean
  }[]
  /** Words of the other schema versions. */
  readonly words: readonly (Words & { readonly rel: number })[]
  /** This database of this server: an oid says nothing in another. */
  readonly world: string
}

/** This database of this server, as SQL. */
export const WORLD = `(select c.system_identifier::text from pg_control_system() c) || ' ' ||
  (select d.oid::text from pg_database d where d.datname = current_database())`

export const nothingInstalled: Installed = { relations: [], words: [], world: '' }

/** @param digest of the schema that is being installed: its own words are about to be replaced. */
export async function readInstalled(session: PostgresSession, s: string, digest: string): Promise<Installed> {
  const [row] = await session.query(
    `select jsonb_build_object(
  'relations', (select coalesce(jsonb_agg(jsonb_build_object('rel', r.rel, 'name', r.name, 'oid', r.oid::text, 'world', r.world,
    'scope', r.scope, 'capture', r.capture) order by r.rel), '[]') from ${s}.relation r),
  'words', (select coalesce(jsonb_agg(m.words || jsonb_build_object('rel', m.rel)), '[]') from ${s}.model m where m.digest <> $1::text),
  'world', ${WORLD})::text as installed`,
    [digest],
  )
  return JSON.parse(row?.installed as string) as Installed
}

const misconfigured = (why: string): PosternError => new PosternError('source_adapter_misconfigured', why)

/** Gives each table its number: by oid while the database is the same, which survives a renaming; else by name. */
function numbered(tables: readonly Table[], installed: Installed): Map<string, number> {
  const numbers = new Map<string, number>()
  let last = Math.max(0, ...installed.relations.map(({ rel }) => rel))
  for (const { sql, oid } of tables) {
    if (numbers.has(sql)) continue
    const same = installed.relations.filter(({ world }) => world === installed.world)
    const known =
      same.find((one) => one.oid === oid) ??
      installed.relations.find(({ name, rel }) => name === sql && ![...numbers.values()].includes(rel))
    if (known === undefined) last += 1
    numbers.set(sql, known?.rel ?? last)
  }
  return numbers
}

/**
 * Binds every model of a schema to its table.
 *
 * @throws PosternError `source_adapter_misconfigured` for what the log could not follow, and for references that cannot be
 *   confined to a tenant.
 */
export function bindSchema(
  schema: Schema,
  tables: ReadonlyMap<string, Table>,
  installed: Installed,
): BoundModels {
  const numbers = numbered([...tables.values()], installed)
  const models = new Map<string, BoundModel>()
  for (const model of schema.models.values()) {
    const table = tables.get(model.name)
    models.set(model.name, bindTable(model, table, numbers.get(table?.sql ?? '')))
  }
  const bound = [...models].map(
    ([name, one]) => [name, { bound: one, table: tables.get(name) as Table }] as const,
  )
  const faults = bound.flatMap(([, one]) => referenceFaults(one.bound, one.table, new Map(bound)))
  if (faults.length > 0) throw new MisfitError(faults)
  return models
}

/** The tables of a schema, parents first. @throws PosternError as `bindSchema`. */
export function relationsOf(
  models: BoundModels,
  tables: ReadonlyMap<string, Table>,
  installed: Installed,
): readonly Relation[] {
  const relations = new Map<number, Relation>()
  const enter = (bound: BoundModel): Relation => {
    const known = relations.get(bound.rel)
    const scope = scopeOf(bound, models)
    const { model } = bound
    if (known !== undefined) {
      if (known.scope !== scope) {
        throw misconfigured(
          `${model.name}: ${bound.table} has another policy in model ${known.bound.model.name}; a row has one tenant, whatever model it is read through`,
        )
      }
      return known
    }
    const { policy } = model
    let parent: Relation | null = null
    if (policy.by === 'parent') {
      const above = models.get(policy.parent) as BoundModel
      parent = enter(above)
      if (parent.scope === 'none') {
        throw misconfigured(
          `${model.name}: its parents end in ${above.model.name}, whose policy is none; use the policy none for it, too`,
        )
      }
    }
    const same = [...models.values()].filter(({ rel }) => rel === bound.rel)
    const words = [...same.map(wordsOf), ...installed.words.filter(({ rel }) => rel === bound.rel)]
    const kept = new Set(words.flatMap(({ fields, key }) => [...fields.map(([, attnum]) => attnum), ...key]))
    const archives = new Set(words.flatMap(({ archive }) => archive ?? []))
    const wanted = same.flatMap((one) => one.model.capture ?? [])
    const table = tables.get(model.name) as Table
    const relation: Relation = {
      rel: bound.rel,
      table,
      bound,
      scope,
      parent,
      kept: bound.columns.filter(({ attnum }) => kept.has(attnum)),
      archives: bound.columns.filter(({ attnum }) => archives.has(attnum)),
      capture: wanted.includes(true) ? true : wanted[0],
    }
    if (relation.capture === true) mustBeFollowed(relation, model.name)
    relations.set(bound.rel, relation)
    return relation
  }
  for (const bound of models.values()) enter(bound)
  return [...relations.values()]
}

/** What capture cannot follow is refused, not captured wrongly. */
function mustBeFollowed({ table }: Relation, name: string): void {
  if (table.policed) {
    throw misconfigured(
      `${name}: row-level security of ${table.sql} holds for the role that migrates, so triggers would not see every row. Migrate as a role with bypassrls, or as the table's owner where it is not forced.`,
    )
  }
}
