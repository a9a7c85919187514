// What the endpoint costs without a database: a signed commit of 1 KB, step by step; and what each entry weighs.
// npm run bench -- --endpoint
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { createEndpoint } from 'postern'
import { Bench } from 'tinybench'
import { importsOf } from '../scripts/imports.ts'
import type { Adapter } from '../src/core/adapter.ts'
import { defaultLimits } from '../src/core/endpoint/limits.ts'
import { respond } from '../src/core/endpoint/respond.ts'
import { prepareWork } from '../src/core/endpoint/work.ts'
import { decodeJson } from '../src/core/protocol/json.ts'
import { parseRequest } from '../src/core/protocol/request.ts'
import { createKeyRing } from '../src/core/signature/keys.ts'
import { createSigner } from '../src/core/signature/sign.ts'
import { verifyRequest } from '../src/core/signature/verify.ts'
import { requestContext } from './requests.ts'
import { quantile } from './rounds.ts'
import { rowId, schema, TENANT } from './schema.ts'

const KEY = 'sk_bench_0123456789abcdef0123456789abcdef'

/** The body of a commit of one update, filled up to so many bytes. */
function bodyOf(bytes: number): string {
  const operation = {
    type: 'UPDATE',
    model: 'items',
    id: rowId(7),
    readAt: 41,
    input: { title: '', status: 'doing' },
  }
  const body = {
    type: 'commit',
    correlationId: 'bench-endp-0000000001',
    scope: { organizationId: TENANT, participantId: 'agent_1', participantKind: 'agent' },
    operations: [operation],
  }
  operation.input.title = 'x'.repeat(Math.max(1, bytes - JSON.stringify(body).length))
  return JSON.stringify(body)
}

export interface EndpointStep {
  readonly name: string
  readonly medianMicros: number
  readonly p99Micros: number
}

/** Each step alone, then all of them behind the handler, with an adapter that answers at once. */
export async function measureEndpoint(timeMs: number): Promise<EndpointStep[]> {
  const text = bodyOf(1024)
  const bytes = new TextEncoder().encode(text)
  const given = { ...(await createSigner(KEY)(text)) }
  const headers = new Headers(given)
  const ring = createKeyRing(KEY)
  const shape = parseRequest(decodeJson(bytes))
  const answer = `{"rows":[${JSON.stringify({ id: rowId(7), title: 'x', status: 'doing' })}],"stamps":[42]}`
  const at = async (): Promise<string> => answer
  const adapter: Adapter = {
    schema,
    load: at,
    list: at,
    events: at,
    commit: async () => ({ body: answer, replayed: false }),
  }
  const endpoint = createEndpoint({ signingKey: KEY, adapter })
  const request = (): Request =>
    new Request('http://127.0.0.1/source', { method: 'POST', body: text, headers: given })
  const limits = { schema, limits: defaultLimits }
  const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, retainSamples: true })
    .add('verify', () => verifyRequest(ring, headers, bytes))
    .add('parse', () => void parseRequest(decodeJson(bytes)))
    .add('verify and parse', async () => {
      await verifyRequest(ring, headers, bytes)
      parseRequest(decodeJson(bytes))
    })
    .add('validate', () => void prepareWork(shape, requestContext, limits))
    .add('respond', () => void respond(answer, false))
    .add('a Request made and its body read', () => request().arrayBuffer())
    .add('the whole endpoint', async () => (await endpoint.fetch(request())).text())
  await bench.run()
  return bench.tasks.map(({ name, result }) => {
    if (!('latency' in result)) throw new Error(`${name} did not run`)
    const { p50, p99 } = result.latency as { p50: number; p99: number }
    return { name, medianMicros: p50 * 1000, p99Micros: p99 * 1000 }
  })
}

export interface Entry {
  readonly name: string
  /** Milliseconds from the start of the import to its end in a process of its own: all, dependencies included. */
  readonly importMs: number
  readonly modules: number
  /** Its own modules as published, gzipped together, without dependencies. */
  readonly gzipKb: number
}

/** As published: compiled to JavaScript, for the type stripping of TypeScript sources takes time of its own. */
export function measureEntries(rounds: number): Entry[] {
  const root = path.join(import.meta.dirname, '..')
  const out = path.join('node_modules', '.cache', 'postern-bench')
  execFileSync(
    process.execPath,
    [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', out],
    { cwd: root },
  )
  try {
    const { exports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
    return Object.entries<{ default?: string }>(exports).flatMap(([name, { default: file }]) => {
      if (file === undefined) return []
      const entry = path.join(out, file.replace('./dist/', ''))
      const modules = new Set<string>()
      const visit = (module: string): void => {
        if (modules.has(module)) return
        modules.add(module)
        importsOf(module).files.forEach(visit)
      }
      visit(entry)
      const code = [...modules].map((module) => readFileSync(module, 'utf8')).join('\n')
      const script = `const from = performance.now(); await import(${JSON.stringify(path.join(root, entry))}); console.log(performance.now() - from)`
      const times = Array.from({ length: rounds }, () =>
        Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root })),
      )
      return [
        {
          name: name.replace('.', 'postern'),
          importMs: quantile(times, 0.5),
          modules: modules.size,
          gzipKb: gzipSync(code).length / 1024,
        },
      ]
    })
  } finally {
    rmSync(path.join(root, out), { recursive: true, force: true })
  }
}
