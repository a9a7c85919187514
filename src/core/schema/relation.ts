/** How rows of one model refer to rows of another. Made by `relation.*`; read by `list` with `related`. */
export interface Relation {
  readonly type: 'belongsTo' | 'hasMany'
  /** The other model's name. */
  readonly model: string
  /** The field that holds the reference: on this model for `belongsTo`, on the other for `hasMany`. */
  readonly field: string
}

/**
 * Relations between models.
 *
 * @example
 * const tasks = model({ fields: { projectId: z.string() }, relations: { project: relation.belongsTo('projects', 'projectId') }, mutable: true })
 * const projects = model({ fields: { name: z.string() }, relations: { tasks: relation.hasMany('tasks', 'projectId') }, mutable: true })
 */
export const relation = {
  /** This model's `field` holds the primary key of a row of `model`. */
  belongsTo: (model: string, field: string): Relation => ({ type: 'belongsTo', model, field }),
  /** Rows of `model` hold this row's primary key in their `field`. */
  hasMany: (model: string, field: string): Relation => ({ type: 'hasMany', model, field }),
}
