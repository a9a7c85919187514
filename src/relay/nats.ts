import { Buffer } from 'node:buffer'
import { createHash, randomUUID } from 'node:crypto'
import { JetStreamApiError, jetstream, jetstreamManager, type PubAck } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/transport-node'
import { isWait, settled, thrownText } from '../core/callback.ts'
import { checkOptions } from '../core/options.ts'
import type { ChangeEvent } from '../core/rules/event.ts'
import type { RelayBatch, Sink } from './sink.ts'
import { DeliveryError } from './sink.ts'

export { connectNats, type NatsAddress, natsConnectionOptions } from './nats-connection.ts'

/** Options of `natsSink`. */
export interface NatsSinkOptions {
  /** Of `connect()` of `@nats-io/transport-node`; it stays yours to close. */
  readonly connection: NatsConnection
  /** The subject of an event; a stream must store it. Default `postern.<model>`. */
  readonly subject?: (event: ChangeEvent) => string
  /** The stream that must store it. With it, an event that another stream would take is refused. */
  readonly stream?: string
  /** Longest wait for the stream to say that it has stored an event, in milliseconds, up to an hour. Default 5,000. */
  readonly timeoutMs?: number
}

/** "message size exceeds maximum allowed", for a stream with `max_msg_size`. */
const TOO_LARGE = 10054
/** Room for our headers, in bytes. */
const HEADERS = 2048

/**
 * Publishes each event to NATS JetStream as a message of its own, the event's JSON text. Its message id names the relay,
 * its walk over the log, the subject and the event, so a stream stores an event once that comes again within its
 * `duplicate_window`; later it may come twice.
 *
 * An event has arrived when the stream says that it has stored it. That it is a duplicate counts where this relay may
 * have sent it before, or where the stream shows that very message; otherwise it is published under an id of its own.
 *
 * Events of one row are published one after the other, each when the one before is stored; those of different rows at
 * the same time.
 *
 * @throws TypeError for options that cannot work
 * @example
 * import { createRelay } from 'postern/relay'
 *
 * const connection = await connectNats({ url: 'nats://127.0.0.1:4222' })
 * const relay = createRelay({ adapter, name: 'nats', sink: natsSink({ connection }) })
 */
export function natsSink(options: NatsSinkOptions): Sink {
  checkOptions<NatsSinkOptions>('natsSink', options, {
    connection: 'object',
    subject: 'any',
    stream: 'any',
    timeoutMs: 'any',
  })
  const { connection, stream, timeoutMs = 5000 } = options
  if (!isWait(timeoutMs) || timeoutMs > LONGEST_TIMEOUT_MS)
    throw new TypeError(`timeoutMs must be a whole number from 1 to ${LONGEST_TIMEOUT_MS}.`)
  if (stream !== undefined && (typeof stream !== 'string' || stream === ''))
    throw new TypeError('stream must be the name of a stream.')
  const subjectOf = options.subject ?? (({ model }) => `postern.${model}`)
  if (typeof subjectOf !== 'function') throw new TypeError('subject must be a function of an event.')
  const client = jetstream(connection)
  const expect = stream === undefined ? {} : { expect: { streamName: stream } }

  const publish = async (subject: string, text: string, msgID: string): Promise<PubAck> => {
    const ack = await client.publish(subject, text, { msgID, timeout: timeoutMs, ...expect })
    const stored = typeof ack?.stream === 'string' && Number.isSafeInteger(ack.seq) && ack.seq > 0
    if (!stored) throw new DeliveryError('The answer to a published event names no stream and no position.')
    if (stream !== undefined && ack.stream !== stream)
      throw new DeliveryError(`The stream ${ack.stream} has stored an event that ${stream} must store.`)
    return ack
  }

  /** Whether the stream holds this very message where it says that it has it. */
  const holds = async ({ stream: name, seq }: PubAck, subject: string, text: string, msgID: string) => {
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: timeoutMs })
      const found = await manager.streams.getMessage(name, { seq })
      return (
        found?.subject === subject && found.header.get('Nats-Msg-Id') === msgID && found.string() === text
      )
    } catch {
      // This user may not read the stream: an event that comes twice is better than one that is lost.
      return false
    }
  }

  const deliver = async (batch: RelayBatch, event: ChangeEvent, text: string): Promise<void> => {
    if (Buffer.byteLength(text) + HEADERS > (connection.info?.max_payload ?? Number.POSITIVE_INFINITY))
      throw new DeliveryError('An event is larger than the server takes.', { fault: 'refused' })
    const subject = await subjectFor(subjectOf, event)
    const msgID = messageId(batch, subject, event.id, text)
    const ack = await publish(subject, text, msgID)
    if (ack.duplicate !== true || batch.attempt > 1 || (await holds(ack, subject, text, msgID))) return
    // The stream took it within its window, and it is not there any more: purged, or consumed.
    const again = await publish(subject, text, `${msgID}/${randomUUID()}`)
    if (again.duplicate === true)
      throw new DeliveryError('The stream calls an event a duplicate that was never sent before.')
  }

  return async (batch: RelayBatch, { signal, progress }) => {
    let fault: unknown
    const rows = Map.groupBy(batch.events.entries(), ([, { model, entityId }]) =>
      JSON.stringify([model, entityId]),
    )
    await Promise.all(
      [...rows.values()].map(async (events) => {
        for (const [index, event] of events) {
          // after a failure nothing more of this batch may be sent once it has been given up
          if (fault !== undefined || signal.aborted) return
          try {
            await deliver(batch, event, batch.texts[index] as string)
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

const LONGEST_TIMEOUT_MS = 3_600_000
/** The most bytes of a subject. */
const SUBJECT_BYTES = 1024

async function subjectFor(subjectOf: (event: ChangeEvent) => string, event: ChangeEvent): Promise<string> {
  const given: unknown = subjectOf(event)
  const subject = typeof given === 'string' ? given : await settled<unknown>('subject', () => given)
  const tokens = typeof subject === 'string' ? subject.split('.') : ['']
  // A wildcard, a blank or an empty part is no place that a stream can store at.
  const fits = tokens.every((token) => token !== '' && !/[\s*>\p{Cc}]/u.test(token))
  if (typeof subject === 'string' && fits && Buffer.byteLength(subject) <= SUBJECT_BYTES) return subject
  throw new DeliveryError('The subject of an event must be words joined by dots, without blanks, * and >.', {
    fault: 'refused',
  })
}

/**
 * Two relays may publish to one stream, one relay may publish an event to two subjects, and a database that was put back
 * gives its positions out again; an id that was the same for any two of them would lose one to the other. The event's
 * own id stands in it for people, spelled in what a header can hold.
 */
function messageId({ relay, run, log }: RelayBatch, subject: string, id: string, text: string): string {
  const hash = createHash('sha256').update(JSON.stringify([run, log, subject, text]))
  const shown = id.replace(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent)
  return `${relay}/${hash.digest('hex').slice(0, 32)}/${shown}`
}

function explained(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error
  if (error instanceof JetStreamApiError && error.code === TOO_LARGE)
    return new DeliveryError('An event is larger than the stream takes.', { fault: 'refused', cause: error })
  return new DeliveryError(`The stream did not store an event: ${thrownText(error)}`, { cause: error })
}
