import fc from 'fast-check'
import { type ModelName, type Tenant, tenants } from './world.ts'

/** What an operation claims to know. `latest`: the client loads the row first. `earlier`: what it knew before that. */
export type Claim = 'none' | 'latest' | 'earlier' | 'zero' | 'beyond'

export interface Plan {
  readonly type: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly model: ModelName
  readonly id: number
  readonly input: Readonly<Record<string, number>>
  readonly claim: Claim
  readonly onStale: 'reject' | 'overwrite' | 'notify' | 'merge'
}

export type Action =
  | { readonly do: 'commit'; readonly operations: readonly Plan[] }
  /** One of the commits that all clients of the tenant know: the same key and the same intent. */
  | { readonly do: 'twin'; readonly of: number }
  /** The same, by several at the same moment. */
  | { readonly do: 'crowd'; readonly of: number }
  /** The key of one of those, with another intent. */
  | { readonly do: 'conflict'; readonly with: number; readonly operations: readonly Plan[] }
  /** Sends an earlier commit of this client again. */
  | { readonly do: 'replay'; readonly back: number }
  /** Reads a counter and writes one more. */
  | { readonly do: 'increment'; readonly id: number }
  /** The same with two counters in one commit, in either order. */
  | { readonly do: 'transfer'; readonly first: number }
  | { readonly do: 'read'; readonly model: ModelName; readonly id: number }
  | { readonly do: 'poll'; readonly limit: number }
  /** SQL around the endpoint, by somebody who knows nothing of it. */
  | {
      readonly do: 'raw'
      readonly sql: 'insert' | 'update' | 'delete'
      readonly id: number
      readonly value: number
    }
  | { readonly do: 'prune' }

export interface Client {
  readonly tenant: Tenant
  readonly actions: readonly Action[]
}

export interface Program {
  readonly clients: readonly Client[]
  /** Commits known to all; `twin` and `conflict` refer to them. */
  readonly known: readonly (readonly Plan[])[]
}

/** Mostly one, so that operations meet. */
const id = fc.constantFrom(0, 0, 0, 1, 2)
const counter = fc.nat({ max: 1 })
const value = fc.nat({ max: 3 })
const columns = fc.oneof(fc.record({ a: value }), fc.record({ b: value }), fc.record({ a: value, b: value }))

const plan = (claims: readonly Claim[]): fc.Arbitrary<Plan> =>
  fc
    .record({
      type: fc.oneof(
        { weight: 2, arbitrary: fc.constant('CREATE' as const) },
        { weight: 6, arbitrary: fc.constant('UPDATE' as const) },
        { weight: 1, arbitrary: fc.constant('DELETE' as const) },
      ),
      model: fc.constantFrom<ModelName>('items', 'items', 'shared'),
      id,
      a: value,
      b: value,
      changes: columns,
      claim: fc.constantFrom(...claims),
      onStale: fc.constantFrom<Plan['onStale']>('reject', 'overwrite', 'notify', 'merge', 'merge'),
    })
    .map(({ a, b, changes, ...rest }) => ({
      ...rest,
      input: rest.type === 'CREATE' ? { a, b } : rest.type === 'UPDATE' ? changes : {},
    }))

const claims: readonly Claim[] = [
  'none',
  'latest',
  'latest',
  'latest',
  'earlier',
  'earlier',
  'zero',
  'beyond',
]
const operations = (of: readonly Claim[] = claims) => fc.array(plan(of), { minLength: 1, maxLength: 3 })

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('commit' as const), operations: operations() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('twin' as const), of: id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crowd' as const), of: id }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('conflict' as const),
      with: id,
      operations: operations(['none']),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), back: fc.nat({ max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('increment' as const), id: counter }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('transfer' as const), first: counter }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      model: fc.constantFrom<ModelName>('items', 'shared', 'counters'),
      id,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('poll' as const), limit: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('raw' as const),
      sql: fc.constantFrom('insert' as const, 'update' as const, 'update' as const, 'delete' as const),
      id,
      value,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const) }) },
)

/** `clients` at once, each one action after the other. With one client every outcome is determined. */
export const programs = (clients: { min: number; max: number }, length: number): fc.Arbitrary<Program> =>
  fc.record({
    clients: fc.array(
      fc.record({
        // mostly one: clients of two tenants have little to quarrel about
        tenant: fc.constantFrom<Tenant>(...tenants, tenants[0], tenants[0]),
        actions: fc.array(action, { minLength: length >> 1, maxLength: length, size: 'max' }),
      }),
      { minLength: clients.min, maxLength: clients.max },
    ),
    known: fc.array(operations(['none', 'latest', 'latest', 'zero']), { minLength: 3, maxLength: 3 }),
  })
