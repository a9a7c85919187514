/** What a function of an application may do in place of its work. */
export interface Misdeed {
  readonly name: string
  readonly does: () => unknown
  readonly hangs?: true
}

const CANARY = 'canary-of-a-callback'

const thenable = (then: unknown): object => ({ then })
const boom = (): never => {
  throw new Error(CANARY)
}
const trap = new Proxy(() => {}, {
  get: boom,
  has: boom,
  ownKeys: boom,
  getPrototypeOf: boom,
  apply: boom,
})

export const failures: readonly Misdeed[] = [
  { name: 'throws an error', does: boom },
  {
    name: 'throws what has no text',
    does: () => {
      throw Object.create(null)
    },
  },
  {
    name: 'throws nothing',
    does: () => {
      throw undefined
    },
  },
  {
    name: 'throws a proxy that throws',
    does: () => {
      throw trap
    },
  },
  { name: 'rejects', does: () => Promise.reject(new Error(CANARY)) },
  { name: 'rejects later', does: () => new Promise((_, no) => setTimeout(no, 5, new Error(CANARY))) },
  {
    name: 'gives a thenable that rejects',
    does: () => thenable((_: unknown, no: (e: unknown) => void) => no(new Error(CANARY))),
  },
  { name: 'gives a thenable that throws', does: () => thenable(boom) },
  {
    name: 'gives an object whose then throws when read',
    does: () => Object.defineProperty({}, 'then', { get: boom }),
  },
  {
    name: 'gives a thenable that answers twice',
    does: () =>
      thenable((yes: (v: unknown) => void, no: (e: unknown) => void) => {
        yes(1)
        no(new Error(CANARY))
        yes(2)
      }),
  },
  { name: 'never settles', does: () => new Promise(() => {}), hangs: true },
  { name: 'gives a thenable that never settles', does: () => thenable(() => {}), hangs: true },
]

const values: readonly [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['true', true],
  ['false', false],
  ['0', 0],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['an empty text', ''],
  ['a text', 'x\r\ny: z'],
  ['a bigint', 10n],
  ['a symbol', Symbol('x')],
  ['a function', () => 1],
  ['an empty array', []],
  ['an array', [null, undefined, 5]],
  ['an empty object', {}],
  ['an object without a prototype', Object.create(null)],
  ['a date that is none', new Date(Number.NaN)],
  ['a map', new Map([[1, 2]])],
  ['a proxy that throws', trap],
]

export const misdeeds: readonly Misdeed[] = [
  ...failures,
  ...values.flatMap(([name, value]) => [
    { name: `gives ${name}`, does: () => value },
    { name: `gives a promise of ${name}`, does: async () => value },
  ]),
]
