/**
 * SQL's LIKE: the whole text must fit; `%` is any run of characters, `_` any one, a backslash takes the next
 * literally. Characters are code points. Not by way of a regular expression: `%a%a%a%a` would backtrack for ever.
 */
export function like(text: string, pattern: string, ignoreCase = false): boolean {
  const chars = [...text].map(ignoreCase ? lower : same)
  const parts = parse(pattern, ignoreCase ? lower : same)
  let [at, part] = [0, 0]
  // where to go on when what follows the last run does not fit: one character further into that run
  let [runPart, runAt] = [-1, 0]
  while (at < chars.length) {
    const wanted = parts[part]
    if (wanted === RUN) [runPart, runAt] = [part++, at]
    else if (wanted === ONE || (wanted !== undefined && wanted === chars[at])) [at, part] = [at + 1, part + 1]
    else if (runPart >= 0) [at, part] = [++runAt, runPart + 1]
    else return false
  }
  return parts.slice(part).every((rest) => rest === RUN)
}

const RUN = Symbol('%')
const ONE = Symbol('_')

function parse(pattern: string, fold: (char: string) => string): (string | symbol)[] {
  const parts: (string | symbol)[] = []
  let escaped = false
  for (const char of pattern) {
    if (!escaped && char === '\\') {
      escaped = true
      continue
    }
    parts.push(escaped ? fold(char) : char === '%' ? RUN : char === '_' ? ONE : fold(char))
    escaped = false
  }
  return parts
}

const same = (char: string): string => char

/** One character for one, as the database folds: JavaScript makes two of a dotted capital I. */
function lower(char: string): string {
  const folded = char.toLowerCase()
  return [...folded].length === 1 ? folded : char
}
