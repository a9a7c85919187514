import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { plainOperation } from '../protocol/operations.ts'
import type { Prepared } from './context.ts'
import type { EndpointOptions } from './options.ts'
import { modelsOf, type Work } from './work.ts'

/** Asks the application's own `authorize`. @returns the work, with what was granted for the adapter to see */
export async function authorized(
  { authorize }: Pick<EndpointOptions, 'authorize'>,
  { verified, body, work }: Prepared,
  timeoutMs: number,
): Promise<Work> {
  if (authorize === undefined) return work
  const asked = {
    ...verified,
    type: work.type,
    body,
    scope: work.request.scope,
    models: modelsOf(work),
    id: work.type === 'load' ? work.request.id : undefined,
    operations: work.type === 'commit' ? work.request.operations.map(plainOperation) : [],
  }
  const auth = await settled('authorize', () => authorize(asked), timeoutMs)
  if (auth === false) throw new PosternError('source_forbidden')
  return { ...work, request: { ...work.request, auth } } as Work
}
