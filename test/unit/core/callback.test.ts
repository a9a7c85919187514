import { describe, expect, test, vi } from 'vitest'
import { notify, settled } from '../../../src/core/callback.ts'

const boom = new Error('boom')
const thenable = (then: unknown): PromiseLike<never> => ({ then }) as never

/** Everything that a function can do in place of giving an answer. */
const failing: [string, () => unknown][] = [
  [
    'throws',
    () => {
      throw boom
    },
  ],
  ['rejects', () => Promise.reject(boom)],
  ['gives a thenable that rejects', () => thenable((_: unknown, no: (e: unknown) => void) => no(boom))],
  [
    'gives a thenable that throws',
    () =>
      thenable(() => {
        throw boom
      }),
  ],
  [
    'gives an object whose `then` throws when it is read',
    () =>
      Object.defineProperty({}, 'then', {
        get: () => {
          throw boom
        },
      }),
  ],
  [
    'gives a promise of a thenable that rejects',
    async () => thenable((_: unknown, no: (e: unknown) => void) => setTimeout(no, 1, boom)),
  ],
]

describe('settled', () => {
  test.each(failing)('a callback that %s rejects with what it said', async (_, call) => {
    await expect(settled('it', call as () => never)).rejects.toBe(boom)
  })

  test('a value, a promise and a thenable are answers', async () => {
    expect(await settled('it', () => 1)).toBe(1)
    expect(await settled('it', async () => 2)).toBe(2)
    expect(await settled('it', () => thenable((yes: (n: number) => void) => setTimeout(yes, 1, 3)))).toBe(3)
  })

  test('one that never settles ends in an error with its name, and what it does later counts for nothing', async () => {
    let reject: (error: unknown) => void = () => {}
    const late = settled(
      'authorize',
      () =>
        new Promise<never>((_, no) => {
          reject = no
        }),
      10,
    )
    await expect(late).rejects.toMatchObject({
      code: 'source_unavailable',
      message: expect.stringMatching(/^authorize did not settle/),
    })
    reject(boom)
    await new Promise((resolve) => setTimeout(resolve, 5))
  })
})

describe('notify', () => {
  test.each(failing)('a callback that %s is reported once and thrown nowhere', async (_, call) => {
    const failed = vi.fn()
    notify('it', call, failed)
    await vi.waitFor(() => expect(failed.mock.calls).toEqual([[boom]]))
  })

  test('one that never settles is reported', async () => {
    const failed = vi.fn()
    notify('onCommit', () => new Promise(() => {}), failed, 10)
    await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce())
    expect(String(failed.mock.calls[0])).toContain('onCommit did not settle within 10 ms')
  })

  test('a reporter that throws is the end of it', async () => {
    notify(
      'it',
      () => {
        throw boom
      },
      () => {
        throw boom
      },
    )
    notify(
      'it',
      () => Promise.reject(boom),
      () => {
        throw boom
      },
    )
    await new Promise((resolve) => setTimeout(resolve, 5))
  })
})
