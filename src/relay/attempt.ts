import { notify } from '../core/callback.ts'
import type { HeldLease } from './lease.ts'
import type { RelayHooks } from './options.ts'
import type { RelayBatch, Sink } from './sink.ts'
import { DeliveryError, deliveryError } from './sink.ts'

export interface AttemptOptions extends RelayHooks {
  readonly sink: Sink
  readonly held: HeldLease
  readonly deliveryTimeoutMs: number
}

/** One attempt. @returns why it failed. @throws LeaseLost when it must not count. */
export async function attempt(at: AttemptOptions, batch: RelayBatch): Promise<DeliveryError | undefined> {
  const { sink, held, deliveryTimeoutMs } = at
  const controller = new AbortController()
  const { signal } = controller
  const lost = (): void => controller.abort(held.lost.reason)
  const late = new DeliveryError(`It took longer than ${deliveryTimeoutMs} ms.`)
  const timer = setTimeout(() => controller.abort(late), deliveryTimeoutMs)
  let over = false
  // not after its end: a timer that is refreshed then would keep the process
  const progress = (): void => {
    if (!over && !signal.aborted) timer.refresh()
  }
  held.lost.addEventListener('abort', lost, { once: true })
  const began = performance.now()
  try {
    // right before it is sent: a process that was frozen since it read the page finds out here
    held.assert()
    // a sink that does not look at the signal must not hold the relay
    await Promise.race([
      sink(batch, { signal, progress }),
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
    ])
    const delivered = { events: batch.texts.length, durationMs: performance.now() - began }
    notify('onDelivered', () => at.onDelivered?.(delivered))
    return undefined
  } catch (error) {
    // also where it was this that failed: what comes of a lost lease must not count
    held.assert()
    return signal.reason === late ? late : deliveryError(error)
  } finally {
    over = true
    clearTimeout(timer)
    held.lost.removeEventListener('abort', lost)
  }
}
