type RelationType = 'belongsTo' | 'hasMany'

/** How rows of one model refer to rows of another. Made by `relation.*`; read by `list` with `related`. */
export interface Relation<
  T extends RelationType = RelationType,
  M extends string = string,
  F extends string = string,
> {
  readonly type: T
  /** The other model's name. */
  readonly model: M
  /** The field that holds the reference: on this model for `belongsTo`, on the other for `hasMany`. */
  readonly field: F
}

/**
 * Relations between models.
 *
 * @example
 * const tasks = model({
 *   fields: { projectId: z.string() },
 *   relations: { project: relation.belongsTo('projects', 'projectId') },
 * })
 * const projects = model({
 *   fields: { name: z.string() },
 *   relations: { tasks: relation.hasMany('tasks', 'projectId') },
 * })
 */
export const relation = {
  /** This model's `field` holds the primary key of a row of `model`. */
  belongsTo: <const M extends string, const F extends string>(
    model: M,
    field: F,
  ): Relation<'belongsTo', M, F> => ({ type: 'belongsTo', model, field }),
  /** Rows of `model` hold this row's primary key in their `field`. */
  hasMany: <const M extends string, const F extends string>(
    model: M,
    field: F,
  ): Relation<'hasMany', M, F> => ({
    type: 'hasMany',
    model,
    field,
  }),
}
