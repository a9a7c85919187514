import { PosternError } from '../errors.ts'

const MAX_DEPTH = 64
const MAX_POINTER = 512

/**
 * Names that turn into something else than data once an object is copied with `target[key] = value`,
 * which is how most code on the way to a database copies.
 */
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

// ignoreBOM keeps a leading U+FEFF in the text, where it can be refused; the default swallows it, so that two
// different signed byte sequences would mean the same request.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Why `decodeJson` refused, as `details.reason` of its error. */
export type JsonFault =
  | 'encoding'
  | 'byte_order_mark'
  | 'syntax'
  | 'depth'
  | 'duplicate_member'
  | 'forbidden_member'
  | 'ill_formed_unicode'
  | 'nul'
  | 'inexact_number'

const FAULTS: Record<JsonFault, string> = {
  encoding: 'the bytes are not UTF-8',
  byte_order_mark: 'a byte order mark is not part of JSON',
  syntax: 'the text is not JSON',
  depth: `more than ${MAX_DEPTH} levels of nesting`,
  duplicate_member: 'the member appears twice in its object',
  forbidden_member: `members named ${[...FORBIDDEN_NAMES].join(', ')} are refused`,
  ill_formed_unicode: 'a surrogate without its other half is not text',
  nul: 'U+0000 cannot be stored as text',
  inexact_number: 'the number cannot be kept exactly; send it as a string',
}

/** A container that the inspection is inside of: an object has the names seen so far, an array has none. */
interface Frame {
  readonly names: Set<string> | undefined
  /** The member or element that the inspection is at; undefined in an object that has had no member yet. */
  at: string | number | undefined
  /** In an object: the next string is a member's name. */
  nameNext: boolean
}

/**
 * Decodes a request body: strict UTF-8, then strict JSON.
 *
 * `JSON.parse` alone keeps the last of two members of one name, hides `__proto__`, rounds `0.1234567890123456789`
 * and lets through text that Postgres refuses or merges; each of these would let two parties read one signed
 * body in two ways. Refused with `invalid_json` and `details: { pointer, reason }` (`pointer` as in RFC 6901,
 * the nearest ancestor where the full path exceeds 512 characters): bytes that are no UTF-8, a byte order mark,
 * nesting deeper than 64, a member twice in one object, members named `__proto__`, `constructor` or `prototype`,
 * lone surrogates and NUL in any string, and numbers that a double does not keep: those whose shortest
 * round-trip form is another decimal value, and overflow. `1.0`, `1e2` and `-0` are kept.
 *
 * The refusals are found by one flat pass over the text; the values come from `JSON.parse`, which stays the only
 * judge of the grammar.
 *
 * @example
 * decodeJson(new TextEncoder().encode('{"type":"load","model":"tasks","id":"t1"}'))
 */
export function decodeJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    throw refusal([], 'encoding')
  }
  if (text.charCodeAt(0) === 0xfeff) throw refusal([], 'byte_order_mark')
  inspect(text)
  try {
    return JSON.parse(text)
  } catch {
    // The engine's SyntaxError quotes the body, and bodies carry row values: it must reach no log.
    throw refusal([], 'syntax')
  }
}

/**
 * Refuses what `JSON.parse` would let through. Knows only as much grammar as it needs to tell names, values and
 * nesting apart, so what it sees in a text that is no JSON means nothing: there it may stop early, and
 * `JSON.parse` refuses. Holds its own stack, so that depth costs no call frames.
 */
function inspect(text: string): void {
  const stack: Frame[] = []
  let frame: Frame | undefined

  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x22 /* " */) {
      const { end, escaped } = scanString(text, i)
      const isName = frame?.nameNext === true
      // Fatal decoding has seen to everything but escapes.
      const string = escaped ? parseString(text.slice(i, end + 1)) : isName ? text.slice(i + 1, end) : ''
      if (string === undefined) return
      if (escaped) checkText(string, isName ? stack.slice(0, -1) : stack)
      if (frame !== undefined && isName) enterMember(stack, frame, string)
      i = end
    } else if (char === 0x2c /* , */) {
      if (frame === undefined) return
      if (frame.names === undefined) frame.at = Number(frame.at) + 1
      else frame.nameNext = true
    } else if (char === 0x7b || char === 0x5b /* { [ */) {
      if (stack.length === MAX_DEPTH) throw refusal(stack, 'depth')
      const isObject = char === 0x7b
      frame = isObject
        ? { names: new Set(), at: undefined, nameNext: true }
        : { names: undefined, at: 0, nameNext: false }
      stack.push(frame)
    } else if (char === 0x7d || char === 0x5d /* } ] */) {
      if (stack.pop() === undefined) return
      frame = stack.at(-1)
    } else if (char === 0x2d || (char >= 0x30 && char <= 0x39) /* - 0-9 */) {
      const end = endOfNumber(text, i)
      if (!keepsItsValue(text.slice(i, end))) throw refusal(stack, 'inexact_number')
      i = end - 1
    }
  }
}

function enterMember(stack: Frame[], frame: Frame, name: string): void {
  frame.nameNext = false
  frame.at = name
  if (FORBIDDEN_NAMES.has(name)) throw refusal(stack, 'forbidden_member')
  if (frame.names?.has(name)) throw refusal(stack, 'duplicate_member')
  frame.names?.add(name)
}

function checkText(string: string, place: readonly Frame[]): void {
  if (!string.isWellFormed()) throw refusal(place, 'ill_formed_unicode')
  if (string.includes('\0')) throw refusal(place, 'nul')
}

/** From an opening quote to its closing one, or to the end of the text. */
function scanString(text: string, start: number): { end: number; escaped: boolean } {
  let escaped = false
  let end = start + 1
  for (; end < text.length; end++) {
    const char = text.charCodeAt(end)
    if (char === 0x22) break
    if (char !== 0x5c) continue
    escaped = true
    end++
  }
  return { end, escaped }
}

function parseString(literal: string): string | undefined {
  try {
    return JSON.parse(literal)
  } catch {
    return undefined
  }
}

/** The end of a number that starts there. */
export function endOfNumber(text: string, start: number): number {
  let i = start + 1
  for (; i < text.length; i++) {
    const char = text.charCodeAt(i)
    const isPart = (char >= 0x30 && char <= 0x39) || char === 0x2e || char === 0x2b || char === 0x2d
    if (!isPart && char !== 0x65 && char !== 0x45) break
  }
  return i
}

/** Whether a double keeps the value of a number, as it is written. */
export function keepsItsValue(literal: string): boolean {
  // A double keeps any 15 significant digits, and without an exponent so few are far from its limits.
  if (literal.length <= 15 && !/e/i.test(literal)) return true
  // No number at all: for JSON.parse to say.
  if (!NUMBER.test(literal)) return true
  const value = Number(literal)
  return Number.isFinite(value) && decimal(literal) === decimal(String(value))
}

/** The magnitude in one spelling, significant digits and a power of ten, so that `1.50e2` and `150` come out alike. */
function decimal(literal: string): string {
  const [, whole = '', fraction = '', power = '0'] = NUMBER.exec(literal) ?? []
  const digits = whole + fraction
  let start = 0
  while (digits.charCodeAt(start) === 0x30) start++
  // Not /0+$/, which is quadratic on a long run of zeros that does not reach the end.
  let end = digits.length
  while (end > start && digits.charCodeAt(end - 1) === 0x30) end--
  if (start === end) return '0'
  return `${digits.slice(start, end)}e${Number(power) - fraction.length + digits.length - end}`
}

function refusal(stack: readonly Frame[], reason: JsonFault): PosternError {
  const pointer = pointerTo(stack)
  const message = `${pointer === '' ? 'The body' : pointer}: ${FAULTS[reason]}.`
  return new PosternError('invalid_json', message, { details: { pointer, reason } })
}

function pointerTo(stack: readonly Frame[]): string {
  let pointer = ''
  for (const { at } of stack) {
    if (at === undefined) break
    const step = `/${String(at).replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (pointer.length + step.length > MAX_POINTER) break
    pointer += step
  }
  return pointer
}
