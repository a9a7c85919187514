import { Buffer } from 'node:buffer'
import { JetStreamApiError, jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import type { ChangeEvent } from '../core/rules/event.ts'
import type { RelayBatch, Sink } from './sink.ts'
import { DeliveryError } from './sink.ts'

/** Options of `natsSink`. */
export interface NatsSinkOptions {
  /** Of `connect()` of `@nats-io/transport-node`; it stays yours to close. */
  readonly connection: NatsConnection
  /** The subject of an event; a stream must store it. Default `postern.<model>`. */
  readonly subject?: (event: ChangeEvent) => string
  /** The stream that must store it. With it, an event that another stream would take is refused. */
  readonly stream?: string
  /** Longest wait for the stream to say that it has stored an event, in milliseconds. Default 5,000. */
  readonly timeoutMs?: number
}

/** "message size exceeds maximum allowed", for a stream with `max_msg_size`. */
const TOO_LARGE = 10054
/** Room for our headers, in bytes. */
const HEADERS = 2048

/**
 * Publishes each event to NATS JetStream as a message of its own, the event's JSON text. The message id is the event's,
 * so a stream stores an event once that comes again within its `duplicate_window`; later it may come twice.
 *
 * Events of one row are published one after the other, each when the one before is stored; those of different rows at
 * the same time.
 *
 * @example
 * import { connect } from '@nats-io/transport-node'
 * import { createRelay } from 'postern/relay'
 *
 * const connection = await connect({ servers: 'nats://127.0.0.1:4222' })
 * const relay = createRelay({ source: adapter, name: 'nats', sink: natsSink({ connection }) })
 */
export function natsSink(options: NatsSinkOptions): Sink {
  const { connection, stream, timeoutMs = 5000 } = options
  const subject = options.subject ?? (({ model }) => `postern.${model}`)
  const client = jetstream(connection)
  const expect = stream === undefined ? {} : { expect: { streamName: stream } }

  return async (batch: RelayBatch, { signal, progress }) => {
    const limit = connection.info?.max_payload ?? Number.POSITIVE_INFINITY
    let fault: unknown
    const publish = async (event: ChangeEvent, text: string): Promise<void> => {
      if (Buffer.byteLength(text) + HEADERS > limit)
        throw new DeliveryError('An event is larger than the server takes.', { fault: 'refused' })
      await client.publish(subject(event), text, {
        msgID: messageId(batch.log, event.id),
        timeout: timeoutMs,
        ...expect,
      })
    }
    const rows = Map.groupBy(batch.events.entries(), ([, { model, entityId }]) =>
      JSON.stringify([model, entityId]),
    )
    await Promise.all(
      [...rows.values()].map(async (events) => {
        for (const [index, event] of events) {
          // after a failure nothing more of this batch may be sent once it has been given up
          if (fault !== undefined || signal.aborted) return
          try {
            await publish(event, batch.texts[index] as string)
            // many events of one row over a slow link take longer than one attempt may
            progress()
          } catch (error) {
            fault ??= error
          }
        }
      }),
    )
    signal.throwIfAborted()
    if (fault !== undefined) throw explained(fault)
  }
}

/**
 * Two logs may use one event id for different events (a restored database gives its positions out again), and would
 * lose one of them to the other; so the log is part of it. Spelled in what a header can hold, each id in one way only.
 */
const messageId = (log: string, id: string): string =>
  `${log}/${id.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)}`

function explained(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error
  if (error instanceof JetStreamApiError && error.code === TOO_LARGE)
    return new DeliveryError('An event is larger than the stream takes.', { fault: 'refused', cause: error })
  const message = error instanceof Error ? error.message : String(error)
  return new DeliveryError(`The stream did not store an event: ${message}`, { cause: error })
}
