/** Chance that can be repeated: the same seed makes the same choices. */
export interface Random {
  /** A whole number from 0 to below `end`. */
  below(end: number): number
  pick<T>(from: readonly T[]): T
  shuffled<T>(of: readonly T[]): T[]
}

/** A generator (mulberry32) for a seed of any text. */
export function seededRandom(seed: string): Random {
  let state = 2_166_136_261
  for (let at = 0; at < seed.length; at++) state = Math.imul(state ^ seed.charCodeAt(at), 16_777_619)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return {
    below,
    pick: (from) => from[below(from.length)] as (typeof from)[number],
    shuffled: (of) => {
      const result = [...of]
      for (let at = result.length - 1; at > 0; at--) {
        const other = below(at + 1)
        const kept = result[at] as (typeof result)[number]
        result[at] = result[other] as (typeof result)[number]
        result[other] = kept
      }
      return result
    },
  }
}
