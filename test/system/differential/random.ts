/** Random choices that a seed repeats. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** mulberry32: 32 bits of state are plenty for a few hundred choices. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From `low` to `high`, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(among: readonly T[]): T {
    return among[Math.floor(this.next() * among.length)] as T
  }

  /** Each with its weight. */
  weighted<T>(among: readonly (readonly [number, T])[]): T {
    let left = this.next() * among.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, one] of among) {
      left -= weight
      if (left < 0) return one
    }
    return (among.at(-1) as readonly [number, T])[1]
  }
}
