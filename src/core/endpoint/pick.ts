import type { Adapter } from '../adapter.ts'
import { settled, typeName } from '../callback.ts'
import { PosternError } from '../errors.ts'
import { checkAdapter } from '../options.ts'
import type { Scoped } from './context.ts'
import type { EndpointOptions, PickAdapter } from './options.ts'

type Adapters = Pick<EndpointOptions, 'adapter' | 'adapters'>

/** The adapter of a request: by its mode, or by the application's own function. */
export async function pickAdapter(
  options: Adapters,
  { verified, scope }: Scoped,
  timeoutMs: number,
): Promise<Adapter> {
  const found = adapterOfMode(options, scope.mode)
  if (typeof found !== 'function') return found
  const picked = await settled('adapter', () => found({ ...verified, scope }), timeoutMs)
  try {
    checkAdapter('createEndpoint', 'adapter', picked)
  } catch (cause) {
    const message = `The function \`adapter\` must give an adapter, not ${typeName(picked)}.`
    throw new PosternError('source_adapter_misconfigured', message, { cause })
  }
  return picked
}

function adapterOfMode({ adapter, adapters }: Adapters, asked: string | undefined): Adapter | PickAdapter {
  // two words for one thing
  const mode = asked === 'production' ? 'live' : asked
  const named = adapters && Object.hasOwn(adapters, mode ?? 'live') ? adapters[mode ?? 'live'] : undefined
  if (named !== undefined) return named
  // Without `adapters` a mode is just a word of the caller's.
  if (adapter !== undefined && (adapters === undefined || mode === undefined || mode === 'live'))
    return adapter
  throw new PosternError('source_forbidden', 'This endpoint has no adapter for that mode.', {
    details: { pointer: '/scope/mode' },
  })
}
