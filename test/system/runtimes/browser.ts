// Runs in a browser, on a page of the server whose endpoint it exercises. The key stays on the server, which signs.
import { createClient } from 'postern/client'
import { exercise } from './exercise.ts'
import type { schema } from './schema.ts'

const signedBy = (who: string) =>
  createClient<typeof schema>({
    url: new URL('/source', location.href).href,
    scope: { organizationId: 'org_1' },
    retries: 0,
    sign: async (body) => {
      const answer = await fetch(`/sign?who=${who}`, { method: 'POST', body })
      return (await answer.json()) as Record<string, string>
    },
  })

declare const location: { href: string }

Object.assign(globalThis, { exercised: () => exercise(signedBy('caller'), signedBy('stranger')) })
