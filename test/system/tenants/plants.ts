/** Leaks to plant in the SQL of the engine, each of which the harness must find. */
export interface Plant {
  readonly name: string
  edit(statement: string): string
}

const within =
  (where: RegExp, find: RegExp, put: string): Plant['edit'] =>
  (statement) =>
    where.test(statement) ? statement.replaceAll(find, put) : statement

export const plants: readonly Plant[] = [
  {
    name: 'references lead to rows of other tenants',
    edit: within(/-- jobs: /, / and p\.organization_id = _tenant(?:::\w+)?/g, ''),
  },
  {
    name: 'rows are found for a change, whose ever they are',
    edit: within(/-- jobs: /, /\n? +and t\.organization_id = _tenant(?:::\w+)?/g, ''),
  },
  {
    name: 'related rows are those of every tenant',
    edit: within(/"jobs":\[/, / and r\.organization_id = (\$\d+(?:::\w+)*)/g, ' and $1 is not null'),
  },
  {
    name: 'idempotency keys are everybody’s',
    edit: within(/function postern\.reserve\(/, / and l\.tenant = _tenant/g, ''),
  },
  {
    name: 'the feed is of all tenants',
    edit: within(/_tenant is null and l\.position/, /l\.tenant \|\| '' = _tenant and/g, ''),
  },
]
