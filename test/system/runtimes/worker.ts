// Runs in workerd: answers on /source from the store in memory, and on /client exercises an endpoint elsewhere.
import { createEndpoint } from 'postern'
import { createClient } from 'postern/client'
import { memoryAdapter } from 'postern/memory'
import { exercise } from './exercise.ts'
import { schema } from './schema.ts'

const signingKey = 'sk_of_the_runtimes'
const endpoint = createEndpoint({ adapter: memoryAdapter(schema), signingKey })

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/source') return endpoint.fetch(request)
    const options = { url: searchParams.get('url') ?? '', scope: { organizationId: 'org_1' }, retries: 0 }
    const kept = await exercise(
      createClient<typeof schema>({ ...options, signingKey }),
      createClient<typeof schema>({ ...options, signingKey: 'sk_of_a_stranger' }),
    )
    return new Response(String(kept))
  },
}
