import type { Plan, Program } from './program.ts'

const plan = (
  type: Plan['type'],
  model: Plan['model'],
  claim: Plan['claim'],
  more: Partial<Plan> = {},
): Plan => ({
  type,
  model,
  claim,
  id: 0,
  input: type === 'DELETE' ? {} : { a: 1, b: 1 },
  onStale: 'reject',
  ...more,
})

/** Histories that once found something, in the library or in this harness. They run before any random one. */
export const cases: readonly [Program][] = [
  // two tenants with one key: the events on rows of nobody do not say whose commit it was
  [
    {
      known: [
        [plan('CREATE', 'shared', 'none')],
        [plan('UPDATE', 'shared', 'none')],
        [plan('DELETE', 'shared', 'none')],
      ],
      clients: (['north', 'south'] as const).map((tenant) => ({
        tenant,
        actions: [
          { do: 'twin', of: 0 },
          { do: 'twin', of: 1 },
          { do: 'twin', of: 1 },
          { do: 'twin', of: 2 },
        ],
      })),
    },
  ],
  // a CREATE that was decided on a row that goes before the insert comes
  [
    {
      known: [[plan('CREATE', 'items', 'none')]],
      clients: [
        {
          tenant: 'north',
          actions: [
            { do: 'twin', of: 0 },
            { do: 'commit', operations: [plan('CREATE', 'items', 'latest', { onStale: 'notify' })] },
            { do: 'commit', operations: [plan('UPDATE', 'items', 'latest')] },
          ],
        },
        {
          tenant: 'north',
          actions: [
            { do: 'raw', sql: 'delete', id: 0, value: 0 },
            { do: 'commit', operations: [plan('DELETE', 'items', 'none')] },
            { do: 'raw', sql: 'insert', id: 0, value: 3 },
            { do: 'prune' },
          ],
        },
      ],
    },
  ],
]
