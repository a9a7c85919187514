import { PosternError } from '../errors.ts'
import type { RequestType } from '../protocol/request.ts'
import type { Limits } from './limits.ts'

/** Whose request it is, as far as places are shared out. */
export interface Visitor {
  readonly tenant: string | null
  readonly keyId: string | undefined
  readonly type: RequestType
}

export type GateLimits = Pick<
  Limits,
  'inFlight' | 'inFlightPerTenant' | 'inFlightPerKey' | 'listsPerTenant' | 'queued' | 'queueMs'
>

interface Waiter {
  readonly visitor: Visitor
  start(): void
}

/**
 * Shares the places of this process out. A tenant that asks for more than its share waits behind its own requests, and
 * tenants with requests waiting take turns, whatever their number of requests: one tenant's slow lists hold neither
 * every place nor every connection of the pool.
 */
export function createGate(limits: GateLimits) {
  let running = 0
  let waiting = 0
  const perTenant = new Map<string, number>()
  const perKey = new Map<string, number>()
  const lists = new Map<string, number>()
  /** By tenant, in the order of their turns. */
  const queues = new Map<string, Waiter[]>()

  const tenantOf = ({ tenant }: Visitor): string => tenant ?? ''
  const keyOf = ({ keyId }: Visitor): string => keyId ?? ''
  const count = (counts: Map<string, number>, name: string, by: number): void => {
    const now = (counts.get(name) ?? 0) + by
    if (now === 0) counts.delete(name)
    else counts.set(name, now)
  }
  const move = (visitor: Visitor, by: 1 | -1): void => {
    running += by
    count(perTenant, tenantOf(visitor), by)
    count(perKey, keyOf(visitor), by)
    if (visitor.type === 'list') count(lists, tenantOf(visitor), by)
  }
  const fits = (visitor: Visitor): boolean =>
    running < limits.inFlight &&
    (perTenant.get(tenantOf(visitor)) ?? 0) < limits.inFlightPerTenant &&
    (perKey.get(keyOf(visitor)) ?? 0) < limits.inFlightPerKey &&
    (visitor.type !== 'list' || (lists.get(tenantOf(visitor)) ?? 0) < limits.listsPerTenant)

  /** Starts what fits, one request of each tenant after the other. */
  const admitWaiting = (): void => {
    for (let started = true; started; ) {
      started = false
      for (const [tenant, queue] of [...queues]) {
        // A list that must wait does not hold up the tenant's loads and commits.
        const place = queue.findIndex(({ visitor }) => fits(visitor))
        const [waiter] = place === -1 ? [] : queue.splice(place, 1)
        if (waiter === undefined) continue
        queues.delete(tenant)
        if (queue.length > 0) queues.set(tenant, queue)
        started = true
        move(waiter.visitor, 1)
        waiter.start()
      }
    }
  }

  const wait = (visitor: Visitor): Promise<void> => {
    const tenant = tenantOf(visitor)
    const queue = queues.get(tenant) ?? []
    // No tenant may fill the queue alone.
    if (waiting >= limits.queued || queue.length >= Math.ceil(limits.queued / 2)) throw busy()
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        visitor,
        start() {
          clearTimeout(timer)
          waiting -= 1
          resolve()
        },
      }
      const timer = setTimeout(() => {
        waiting -= 1
        queue.splice(queue.indexOf(waiter), 1)
        if (queue.length === 0 && queues.get(tenant) === queue) queues.delete(tenant)
        reject(busy())
      }, limits.queueMs)
      waiting += 1
      queue.push(waiter)
      queues.set(tenant, queue)
    })
  }

  return {
    /**
     * Takes a place, at once or when it is this request's turn.
     *
     * @returns gives the place back
     * @throws PosternError `source_busy` when there is no place in time, or too many wait already
     */
    async enter(visitor: Visitor): Promise<() => void> {
      const ahead = queues.get(tenantOf(visitor))?.some(({ visitor: other }) => fits(other)) ?? false
      if (!ahead && fits(visitor)) move(visitor, 1)
      else await wait(visitor)
      return () => {
        move(visitor, -1)
        if (waiting > 0) admitWaiting()
      }
    },
  }
}

const busy = (): PosternError =>
  new PosternError('source_busy', 'Too many requests of this caller, or of all callers, are under way.')
