import { PosternError } from './errors.ts'

/** How long a callback of the application may take, in milliseconds, where no option says otherwise. */
export const CALLBACK_TIMEOUT_MS = 30_000

/** The longest wait of `setTimeout`, in milliseconds: a longer one ends at once. */
export const LONGEST_WAIT_MS = 2_147_483_647

/** Whether a value is a wait that a timer can keep. */
export const isWait = (ms: unknown): ms is number =>
  typeof ms === 'number' && Number.isSafeInteger(ms) && ms > 0 && ms <= LONGEST_WAIT_MS

/**
 * Calls a function of the application's and waits for what it gives, for so long and no longer. It may give a value, a
 * promise or any other thenable, and it may throw: whatever it does becomes the outcome of this promise, once. What it
 * does after its time is over counts for nothing.
 *
 * @param late makes the error of a callback that does not settle in time. Default: `source_unavailable`, by its name.
 */
export function settled<T>(
  name: string,
  call: () => T | PromiseLike<T>,
  timeoutMs: number = CALLBACK_TIMEOUT_MS,
  late: (message: string) => Error = (message) => new PosternError('source_unavailable', message),
): Promise<T> {
  return bounded(call, timeoutMs, () => late(lateText(name, timeoutMs)), true)
}

/**
 * Calls a function of the application's whose answer nobody waits for: a hook, a logger. `failed` is called at most
 * once, with what it threw, what it rejected with, or an error that says that it did not settle in time.
 */
export function notify(
  name: string,
  call: () => unknown,
  failed: (error: unknown) => void = () => {},
  timeoutMs: number = CALLBACK_TIMEOUT_MS,
): void {
  const report = (error: unknown): void => {
    try {
      failed(error)
    } catch {
      // Nothing is left that could be told.
    }
  }
  try {
    const given = call()
    // Most give nothing: no timer for those.
    if (given === null || (typeof given !== 'object' && typeof given !== 'function')) return
    bounded(
      () => given,
      timeoutMs,
      () => new Error(lateText(name, timeoutMs)),
      false,
    ).catch(report)
  } catch (error) {
    report(error)
  }
}

const lateText = (name: string, timeoutMs: number): string => `${name} did not settle within ${timeoutMs} ms.`

/** @param alive whether its timer keeps the process */
function bounded<T>(
  call: () => T | PromiseLike<T>,
  timeoutMs: number,
  late: () => Error,
  alive: boolean,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), Math.min(timeoutMs, LONGEST_WAIT_MS))
    // Browsers and Workers give a number.
    if (!alive) (timer as { unref?: () => void }).unref?.()
    const done = (): void => clearTimeout(timer)
    // Within the executor: a `call` that throws, a getter `then` that throws and a `then` that throws all reject.
    const answered = new Promise<T>((answer) => answer(call()))
    answered.then(done, done)
    answered.then(resolve, reject)
  })
}

/**
 * The clock of an application's option, in milliseconds since 1970. What is no time would judge every comparison false,
 * and a promise in its place would reject with nobody there.
 *
 * @throws PosternError `source_adapter_misconfigured`, when it is called, for what is not a number, and when it throws
 */
export const clockOf =
  (option: string, now: () => number): (() => number) =>
  () => {
    const ms: unknown = read(option, now)
    if (typeof ms === 'number' && Number.isFinite(ms)) return ms
    throw wrongClock(option, ms, 'milliseconds since 1970')
  }

/** The same for a clock of dates. */
export const dateClockOf =
  (option: string, now: () => Date): (() => Date) =>
  () => {
    const date: unknown = read(option, now)
    if (isInstance(date, Date) && !Number.isNaN(date.getTime())) return date
    throw wrongClock(option, date, 'a Date')
  }

function read(option: string, now: () => unknown): unknown {
  try {
    return now()
  } catch (cause) {
    throw new PosternError('source_adapter_misconfigured', `The option \`${option}\` threw.`, { cause })
  }
}

function wrongClock(option: string, given: unknown, expected: string): PosternError {
  notify(option, () => given)
  const message = `The option \`${option}\` must give ${expected}, not ${typeName(given)}.`
  return new PosternError('source_adapter_misconfigured', message)
}

/** Whether something that was thrown is of this class: `instanceof` runs code of a proxy, which may throw. */
export function isInstance<T>(value: unknown, of: abstract new (...given: never[]) => T): value is T {
  try {
    return value instanceof of
  } catch {
    return false
  }
}

/** A text for anything that was thrown, also for what has none. */
export function thrownText(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'a value that has no text'
  }
}

/** What the application gave in place of what it must give, named by its type and never by its content. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  const type = typeof value
  if (type === 'undefined') return 'undefined'
  return type === 'object' ? 'an object' : `a ${type}`
}

/** An object of the kind that a literal makes, and no instance of a class. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}
