import { type Adapter, createEndpoint } from 'postern'
import { createClient } from 'postern/client'
import { exercise } from '../runtimes/exercise.ts'
import type { schema } from '../runtimes/schema.ts'

export const signingKey = 'sk_of_the_peers'
type Fetch = (request: Request) => Promise<Response>

/** Exercises an endpoint, wherever it is, and prints how many promises were kept. */
export async function exercised(url: string, fetch?: Fetch): Promise<void> {
  const to = (key: string) =>
    createClient<typeof schema>({
      url,
      signingKey: key,
      scope: { organizationId: 'org_1' },
      retries: 0,
      ...(fetch && { fetch: (input, init) => fetch(new Request(input, init)) }),
    })
  console.log(await exercise(to(signingKey), to('sk_of_a_stranger')))
}

/** The same for an adapter, in this process. */
export const exercisedHere = (adapter: Adapter<typeof schema>): Promise<void> =>
  exercised('http://localhost/source', createEndpoint({ adapter, signingKey }).fetch)
