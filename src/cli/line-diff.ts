const MAX_LINES = 40

/**
 * The lines that differ between two texts, `- ` for those of the first and `+ ` for those of the second, with one line
 * of what is alike before each change. Made for short generated files: it compares all lines with all.
 */
export function lineDiff(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  const common = commonLengths(old, now)
  const lines: string[] = []
  let [i, j] = [0, 0]
  const inChange = (): boolean => /^[-+]/.test(lines.at(-1) ?? '')
  const show = (line: string): void => {
    if (!inChange() && i > 0) lines.push(`  ${old[i - 1]}`)
    lines.push(line)
  }
  while (i < old.length || j < now.length) {
    const at = (row: number, column: number): number => common[row]?.[column] ?? 0
    if (i < old.length && old[i] === now[j]) {
      if (inChange()) lines.push('')
      i++
      j++
    } else if (i < old.length && (j === now.length || at(i + 1, j) >= at(i, j + 1))) {
      show(`- ${old[i]}`)
      i++
    } else {
      show(`+ ${now[j]}`)
      j++
    }
  }
  const changed = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  const more = changed.length - MAX_LINES
  return more <= 0 ? changed : [...changed.slice(0, MAX_LINES), `... and ${more} more lines`]
}

/** How many lines the rests of both texts, from each pair of places on, have in common, in order. */
function commonLengths(old: readonly string[], now: readonly string[]): number[][] {
  const table = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0))
  const rows = table as [number[], ...number[][]]
  for (let i = old.length - 1; i >= 0; i--) {
    const [row, next] = [rows[i] as number[], rows[i + 1] as number[]]
    for (let j = now.length - 1; j >= 0; j--) {
      row[j] =
        old[i] === now[j] ? (next[j + 1] as number) + 1 : Math.max(next[j] as number, row[j + 1] as number)
    }
  }
  return table
}
