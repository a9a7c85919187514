import { PosternError } from '../errors.ts'

/**
 * What it may cost to find out that nobody signed a request. Each key hashes the whole body anew, and anyone may send a
 * body: without these bounds 1 MiB of forgery costs a ring of 500 public keys five seconds in which nothing else runs.
 */

/** Bytes hashed for one request at most. Enough for 500 public keys and a body of 1 MiB. */
const MAX_BYTES = 512 * 1024 * 1024

/** What a check costs beside hashing the body, in bytes hashed meanwhile. */
const OVERHEAD = { v1: 1024, v1a: 16 * 1024, jws: 32 * 1024 } as const

/** Checks of one request that need no turn: the keys that signed last are the first, and most rings are smaller. */
const QUICK = 16

/** Milliseconds after which the event loop gets its turn. */
const SLICE_MS = 4

/** Requests that wait for their turn at most; one more is told to come back. */
const MAX_WAITING = 64

let running = false
const waiting: (() => void)[] = []

async function takeTurn(): Promise<void> {
  if (!running) {
    running = true
    return
  }
  if (waiting.length >= MAX_WAITING) {
    throw new PosternError('source_busy', 'Too many signatures are being checked against too many keys.')
  }
  await new Promise<void>((resolve) => waiting.push(resolve))
}

function passTurn(): void {
  const next = waiting.shift()
  if (next === undefined) running = false
  else next()
}

/** The work of verifying one request. */
export interface VerificationWork {
  /** To be asked before each check; a promise only where it has to wait. */
  step(scheme: keyof typeof OVERHEAD): Promise<void> | undefined
  end(): void
}

/** @throws PosternError from `step`: `request_too_large` at the end of the budget, `source_busy` */
export function verificationWork(bodyBytes: number): VerificationWork {
  let steps = 0
  let bytes = 0
  let holds = false
  let since = performance.now()

  const pause = async (): Promise<void> => {
    if (!holds) {
      await takeTurn()
      holds = true
    }
    await new Promise<void>((resolve) => setImmediate(resolve))
    since = performance.now()
  }
  return {
    step(scheme) {
      steps += 1
      bytes += bodyBytes + OVERHEAD[scheme]
      if (bytes > MAX_BYTES && steps > 1) {
        throw new PosternError(
          'request_too_large',
          'This body is too large to be checked against so many keys. Send less at once, or look keys up by caller with `resolveKeys`.',
        )
      }
      if (steps > QUICK && !holds) return pause()
      return performance.now() - since > SLICE_MS ? pause() : undefined
    },
    end() {
      if (holds) passTurn()
      holds = false
    },
  }
}
