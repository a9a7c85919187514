/** One message of Postgres's wire protocol: its type (`startup` for the first, which has none) and its bytes. */
export interface Message {
  readonly type: string
  readonly bytes: Buffer
}

/**
 * Splits a stream into messages: type, length, payload. A client's first message has no type. Only whole messages
 * come out; the rest waits for the next chunk.
 */
export function splitter(side: 'client' | 'server'): (chunk: Buffer) => Message[] {
  let rest: Buffer = Buffer.alloc(0)
  let typed = side === 'server'
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const messages: Message[] = []
    for (;;) {
      const head = typed ? 1 : 0
      if (rest.length < head + 4) return messages
      const length = head + rest.readInt32BE(head)
      if (rest.length < length) return messages
      const type = typed ? String.fromCharCode(rest[0] as number) : 'startup'
      messages.push({ type, bytes: rest.subarray(0, length) })
      rest = rest.subarray(length)
      typed = true
    }
  }
}

/**
 * The SQL of each message of one connection: Parse carries the statement's name before it, Query nothing, and Bind the name
 * that an earlier Parse gave.
 */
export function statements(): (message: Message) => string | undefined {
  const named = new Map<string, string>()
  let parsed: string | undefined
  return ({ type, bytes }) => {
    if (type === 'S') parsed = undefined
    if (type !== 'P' && type !== 'Q' && type !== 'B') return undefined
    const [first = '', second = ''] = bytes.toString('utf8', 5).split('\0', 2)
    if (type === 'Q') return first
    if (type === 'P') {
      parsed = first
      named.set(first, second)
      return second
    }
    // told by its Parse, in the same request
    return second === parsed ? undefined : named.get(second)
  }
}

/** Ends of a request that the server answers: Sync of the extended protocol, and a simple Query. */
export const asksAnswer = ({ type }: Message): boolean => type === 'S' || type === 'Q'

/** ReadyForQuery ends an answer: by then the statement has run and, outside a transaction, is committed. */
export const endsAnswer = ({ type }: Message): boolean => type === 'Z'

/** DataRow: what the statement says, as opposed to what surrounds it. */
export const isRow = ({ type }: Message): boolean => type === 'D'
