/**
 * Fixtures drop databases, and test sessions let a header choose one: neither has a place in production.
 *
 * @throws TypeError when `NODE_ENV` is `production` and nobody insists
 */
export function notInProduction(what: string, force: boolean | undefined): void {
  if (process.env.NODE_ENV !== 'production' || force === true) return
  throw new TypeError(`${what} must not run with NODE_ENV=production. If it must, say \`force: true\`.`)
}
