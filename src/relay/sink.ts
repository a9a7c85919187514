import { createHash } from 'node:crypto'
import { thrownText } from '../core/callback.ts'
import type { ChangeEvent } from '../core/rules/event.ts'
import type { DeliveryFault } from './state.ts'
import type { RelayEvent } from './store.ts'

export type { DeliveryFault } from './state.ts'

/** Events on their way to a sink, in the order of the log. */
export interface RelayBatch {
  /**
   * Names exactly these events of this relay; the same whenever they are sent together again, until the relay is reset.
   * Fit for a `webhook-id`.
   */
  readonly id: string
  /** The relay's name. */
  readonly relay: string
  /** Names one walk of the relay over the log: another one after `reset`, and after a relay of this name was forgotten. */
  readonly run: string
  /** Names the incarnation of the log; positions of two incarnations have nothing to do with each other. */
  readonly log: string
  /** How often this batch is tried, from 1. */
  readonly attempt: number
  /** The events, parsed. Numbers that a double cannot hold are rounded: `texts` has them as they are. */
  readonly events: readonly ChangeEvent[]
  /** The same, each as JSON text. */
  readonly texts: readonly string[]
  /** The whole as one JSON text, `{"events":[...]}`: what an HTTP sink sends. */
  readonly body: string
}

/** What a sink is told beside the batch. */
export interface DeliveryContext {
  /** Aborted when the time is up or when another process delivers by now: stop, and do not send anything more. */
  readonly signal: AbortSignal
  /** Part of the batch has arrived: the time for one attempt starts over. For a sink that sends events one by one. */
  progress(): void
}

/**
 * Takes a batch, and resolves when all of it has arrived for good. Whatever it throws is a failure, and the batch
 * comes again; `DeliveryError` says more. A batch, or a part of it, may come more than once: tell events apart by `id`.
 *
 * @example
 * const sink: Sink = async ({ events }, { signal }) => {
 *   const body = JSON.stringify(events)
 *   const { ok, status } = await fetch('http://search:7700/changes', { method: 'POST', body, signal })
 *   if (!ok) throw new DeliveryError(`the index answered ${status}`)
 * }
 */
export type Sink = (batch: RelayBatch, context: DeliveryContext) => unknown

const FAULTS: readonly DeliveryFault[] = ['failed', 'refused', 'gone']

/** A delivery that failed, with what a sink knows of it. Its message is kept in the database and shown to operators. */
export class DeliveryError extends Error {
  override readonly name = 'DeliveryError'
  readonly fault: DeliveryFault
  /** Nothing is tried before this time has passed, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    message: string,
    options: { fault?: DeliveryFault; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(storable(message), { cause: options.cause })
    const { fault = 'failed' } = options
    this.fault = FAULTS.includes(fault) ? fault : 'failed'
    this.retryAfterMs = options.retryAfterMs
  }
}

/** What is made of anything that a sink throws. */
export function deliveryError(error: unknown): DeliveryError {
  try {
    if (error instanceof DeliveryError) return error
    return new DeliveryError(textOf(error), { cause: error })
  } catch {
    // A proxy, or members that throw when they are read.
    return new DeliveryError(textOf(undefined))
  }
}

/** The most of a message that is kept, in UTF-16 code units. */
const MESSAGE_LENGTH = 500

/** A message that any database takes: one that cannot be written down would have its batch sent again for ever. */
export function storable(message: unknown): string {
  // also cut before it is worked on: it may have megabytes; and again after, since a cut may split a character
  const text = typeof message === 'string' ? message : textOf(message)
  const head = text
    .slice(0, MESSAGE_LENGTH * 2)
    .toWellFormed()
    .replaceAll('\0', '')
  return head.slice(0, MESSAGE_LENGTH).toWellFormed()
}

const textOf = thrownText

export function batchOf(
  { relay, run, log }: Pick<RelayBatch, 'relay' | 'run' | 'log'>,
  events: readonly Pick<RelayEvent, 'text'>[],
  attempt: number,
): RelayBatch {
  // The texts, since a log that was put back gives ids out again for other events.
  const hash = createHash('sha256').update(JSON.stringify([relay, run, log, events.map(({ text }) => text)]))
  let parsed: readonly ChangeEvent[] | undefined
  return {
    id: `msg_${hash.digest('hex').slice(0, 32)}`,
    relay,
    run,
    log,
    attempt,
    texts: events.map(({ text }) => text),
    get events() {
      parsed ??= events.map(({ text }) => JSON.parse(text) as ChangeEvent)
      return parsed
    },
    get body() {
      return `{"events":[${events.map(({ text }) => text).join(',')}]}`
    },
  }
}
