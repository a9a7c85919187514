// Playwright is not installed here; of it, an example in a docstring needs no more than this.
declare module '@playwright/test' {
  export const test: { extend(fixtures: object): unknown }
}
