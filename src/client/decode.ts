import { endOfNumber, keepsItsValue } from '../core/protocol/json.ts'

/**
 * A number of a JSON column that a JavaScript number does not hold exactly, for example `9007199254740993`. In place of
 * a rounded number the row has this; `text` has every digit. It cannot be sent back by mistake: an endpoint takes such
 * a number as a text only.
 *
 * Fields of kind bigint and numeric are texts on the wire and need none of this.
 */
export class ExactNumber {
  /** The number as the endpoint wrote it. */
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
  /** `JSON.stringify` writes the same digits where the platform can (`JSON.rawJSON`), else a string. */
  toJSON(): unknown {
    const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown }
    return rawJSON === undefined ? this.text : rawJSON(this.text)
  }
}

/** A number after a colon, comma, bracket or space with so many digits, or an exponent, that it may be inexact. */
const SUSPECT = /(?:^|[:,[\s])-?(?:[\d.]{16}|[\d.]+[eE])/

/**
 * `JSON.parse`, less its rounding: a number that a double does not keep becomes an `ExactNumber`. The access of
 * `JSON.parse` to the source text is too new for the browsers and runtimes that the client runs on.
 *
 * @throws SyntaxError for a text that is not JSON
 */
export function decodeAnswer(text: string): unknown {
  if (!SUSPECT.test(text)) return JSON.parse(text)
  // A text that no row can hold: Postgres has no U+0000. The random part is for stores that have it.
  const mark = `\u0000${crypto.getRandomValues(new Uint32Array(2)).join('-')}:`
  const marked = markInexact(text, JSON.stringify(mark).slice(1, -1))
  if (marked === undefined) return JSON.parse(text)
  return JSON.parse(marked, (_, value) =>
    typeof value === 'string' && value.startsWith(mark) ? new ExactNumber(value.slice(mark.length)) : value,
  )
}

/** The text with its inexact numbers as marked strings; undefined where it has none. */
function markInexact(text: string, mark: string): string | undefined {
  const parts: string[] = []
  let kept = 0
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === 0x22 /* " */) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) {
        if (text.charCodeAt(i) === 0x5c /* \ */) i++
      }
    } else if (char === 0x2d || (char >= 0x30 && char <= 0x39) /* - 0-9 */) {
      const end = endOfNumber(text, i)
      const literal = text.slice(i, end)
      if (!keepsItsValue(literal)) {
        parts.push(text.slice(kept, i), `"${mark}${literal}"`)
        kept = end
      }
      i = end - 1
    }
  }
  return kept === 0 ? undefined : parts.join('') + text.slice(kept)
}
