import type { Adapter, CommitAnswer, CommitRequest } from '../adapter.ts'
import { settled } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { startOfPage } from './page.ts'
import type { Work } from './work.ts'

/**
 * Calls the adapter, and waits so long and no longer.
 *
 * @throws PosternError `source_adapter_misconfigured` for an answer that is not a text
 */
export function dispatch(
  adapter: Adapter,
  work: Work,
  tx: unknown,
  timeoutMs: number,
): Promise<CommitAnswer> {
  return settled(
    work.type,
    () => called(adapter, work, tx),
    timeoutMs,
    (message) =>
      work.type === 'commit'
        ? new PosternError('commit_outcome_unknown', message)
        : new PosternError('source_unavailable', message),
  )
}

async function called(adapter: Adapter, work: Work, tx: unknown): Promise<CommitAnswer> {
  const answer: CommitAnswer =
    work.type === 'commit'
      ? await committed(adapter, work.request, tx)
      : { body: await read(adapter, await startOfPage(adapter, work)), replayed: false }
  if (isObjectText(answer?.body) && typeof answer.replayed === 'boolean') return answer
  const expected =
    work.type === 'commit' ? '{ body, replayed } with a JSON object as body' : 'a text of a JSON object'
  throw new PosternError(
    'source_adapter_misconfigured',
    `The adapter's ${work.type} must answer with ${expected}.`,
  )
}

function committed(adapter: Adapter, request: CommitRequest, tx: unknown): Promise<CommitAnswer> {
  if (tx === undefined) return adapter.commit(request)
  if (adapter.commitWithin !== undefined) return adapter.commitWithin(tx, request)
  throw new PosternError(
    'source_adapter_misconfigured',
    'This adapter cannot join a transaction: commit without `tx`.',
  )
}

/** As far as can be told without reading all of it, which took as long as to make it. */
const isObjectText = (text: unknown): boolean =>
  typeof text === 'string' && /^\s*\{/.test(text) && text.trimEnd().endsWith('}')

function read(adapter: Adapter, work: Work): Promise<string> {
  switch (work.type) {
    case 'load':
      return adapter.load(work.request)
    case 'list':
      return adapter.list(work.request)
    case 'events':
      return adapter.events(work.request)
    case 'commit':
      throw new TypeError('a commit is no read')
  }
}
