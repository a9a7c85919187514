import { PosternError } from '../errors.ts'
import type { Bytes } from './base64.ts'

/** More than any signer in rotation sends, and few enough that a header full of entries costs nothing. */
const MAX_ENTRIES = 16

// Up to 255 printable ASCII characters. A comma is what two headers of one name look like once HTTP has joined them.
const ID = /^[!-+\-/-~]{1,255}$/
const DOTTED = /^[A-Za-z0-9_.-]{1,255}$/
const TIMESTAMP = /^[1-9][0-9]{9,11}$/

/** One `scheme,value` entry of the webhook-signature header. */
export interface SignatureEntry {
  readonly scheme: string
  readonly value: string
}

/** The three Standard Webhooks headers, well-formed but not yet verified. */
export interface Envelope {
  readonly id: string
  /** Unix seconds. */
  readonly timestamp: number
  readonly signatures: readonly SignatureEntry[]
}

/**
 * Reads the signature headers and checks their shape alone, so that it can run before a byte of the body is read.
 * Entries of schemes that nobody knows stay in; entries past the sixteenth are not looked at.
 *
 * @throws PosternError `source_id_missing`, `source_timestamp_missing`, `source_timestamp_invalid`,
 *   `source_signature_missing`, or `source_signature_invalid` for an id or entry that no signer makes
 * @example
 * const { id, timestamp } = readEnvelope(request.headers)
 */
export function readEnvelope(headers: Headers): Envelope {
  const id = headers.get('webhook-id')
  const timestamp = headers.get('webhook-timestamp')
  const signature = headers.get('webhook-signature')
  if (!id) throw new PosternError('source_id_missing')
  if (!timestamp) throw new PosternError('source_timestamp_missing')
  if (!TIMESTAMP.test(timestamp)) throw new PosternError('source_timestamp_invalid')
  if (!signature) throw new PosternError('source_signature_missing')
  if (!isEnvelopeId(id)) throw new PosternError('source_signature_invalid')
  return { id, timestamp: Number(timestamp), signatures: readEntries(signature) }
}

/**
 * Whether a text may be a webhook-id: 1 to 255 printable ASCII characters, no comma, and a dot only among letters,
 * digits, `_` and `-`. A part that reads as a timestamp is refused too: `id.timestamp.body` could then be cut elsewhere
 * under the same signature.
 */
export function isEnvelopeId(id: string): boolean {
  if (!id.includes('.')) return ID.test(id)
  return (
    DOTTED.test(id) &&
    !id
      .split('.')
      .slice(1)
      .some((part) => TIMESTAMP.test(part))
  )
}

function readEntries(header: string): SignatureEntry[] {
  const entries: SignatureEntry[] = []
  for (const entry of header.split(' ', MAX_ENTRIES)) {
    const comma = entry.indexOf(',')
    if (comma === -1) continue
    const value = entry.slice(comma + 1)
    // Two joined headers again: which of them an intermediary saw is anyone's guess.
    if (value.includes(',')) throw new PosternError('source_signature_invalid')
    entries.push({ scheme: entry.slice(0, comma), value })
  }
  return entries
}

/**
 * What a signature covers: the exact bytes `id.timestamp.body`. HMAC takes the two parts one after the other; the
 * other schemes need them in one piece, which is made at most once.
 */
export interface SignedContent {
  readonly prefix: string
  readonly body: Uint8Array
  bytes(): Bytes
}

export function signedContent(id: string, timestamp: number, body: Uint8Array): SignedContent {
  const prefix = `${id}.${timestamp}.`
  let whole: Bytes | undefined
  return {
    prefix,
    body,
    bytes() {
      if (whole === undefined) {
        const head = new TextEncoder().encode(prefix)
        whole = new Uint8Array(head.length + body.length)
        whole.set(head)
        whole.set(body, head.length)
      }
      return whole
    },
  }
}
