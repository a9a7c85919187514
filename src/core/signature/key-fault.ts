/** A key that cannot be used as configured. The message is a predicate without the key's text: `is empty`. */
export class KeyFault extends Error {}

/** Turns a `KeyFault` into the one sentence that the operator reads at the start: `<name> is empty.` */
export function blaming<T>(name: string, prepare: () => T): T {
  try {
    return prepare()
  } catch (error) {
    if (error instanceof KeyFault) throw new TypeError(`${name} ${error.message}.`)
    throw error
  }
}
