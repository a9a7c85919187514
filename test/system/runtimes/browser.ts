// Runs in a browser, on a page of the server whose endpoint it exercises: with a key, and with a key that stays on the
// server, which signs.
import { createClient } from 'postern/client'
import { exercise } from './exercise.ts'
import type { schema } from './schema.ts'

declare const location: { href: string }

const options = {
  url: new URL('/source', location.href).href,
  scope: { organizationId: 'org_1' },
  retries: 0,
}

const withKey = (signingKey: string) => createClient<typeof schema>({ ...options, signingKey })

const signedBy = (who: string) =>
  createClient<typeof schema>({
    ...options,
    sign: async (body) => {
      const answer = await fetch(`/sign?who=${who}`, { method: 'POST', body })
      return (await answer.json()) as Record<string, string>
    },
  })

async function exercised(): Promise<number> {
  const own = await exercise(withKey('sk_of_the_runtimes'), withKey('sk_of_a_stranger'), 't1')
  return own + (await exercise(signedBy('caller'), signedBy('stranger'), 't2'))
}

Object.assign(globalThis, { exercised })
