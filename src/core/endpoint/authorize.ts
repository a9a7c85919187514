import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { plainOperation } from '../protocol/operations.ts'
import { plainQuery } from '../protocol/query.ts'
import type { Prepared } from './context.ts'
import type { AuthorizeContext, EndpointOptions } from './options.ts'
import { modelsOf, type Work } from './work.ts'

/** Asks the application's own `authorize`. @returns the work, with what was granted for the adapter to see */
export async function authorized(
  { authorize }: Pick<EndpointOptions, 'authorize'>,
  { verified, work }: Prepared,
  timeoutMs: number,
): Promise<Work> {
  if (authorize === undefined) return work
  const asked = {
    ...verified,
    type: work.type,
    scope: work.request.scope as AuthorizeContext['scope'],
    models: modelsOf(work),
    id: work.type === 'load' ? work.request.id : undefined,
    query: work.type === 'list' ? plainQuery(work.request) : undefined,
    operations: work.type === 'commit' ? work.request.operations.map(plainOperation) : [],
  }
  const auth = await settled('authorize', () => authorize(asked), timeoutMs)
  if (auth === false) throw new PosternError('source_forbidden')
  // A branch without `return` must not be a grant.
  if (auth === undefined || auth === null) {
    throw new PosternError(
      'source_forbidden',
      `\`authorize\` returned ${auth}, which refuses; \`true\` or an auth value grants.`,
    )
  }
  return { ...work, request: { ...work.request, auth } } as Work
}
