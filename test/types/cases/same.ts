/** True when both types are one, which being assignable both ways is not. */
export type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only with `true` where both are one. */
export function same<A, B>(_: Same<Flat<A>, Flat<B>>): void {}

/** Without it an intersection and an object of the same members would be two types. */
type Flat<T> = T extends object ? { [K in keyof T]: T[K] } : T
