/** Calls a hook of the application's, which must not stop the relay. */
export function quietly(hook: () => unknown): void {
  try {
    const result = hook()
    if (result instanceof Promise) result.catch(() => {})
  } catch {
    // nobody to tell
  }
}
