import { SpanKind, type TracerProvider, trace } from '@opentelemetry/api'
import type { Tracer } from '../core/endpoint/observe.ts'

/** Options of `openTelemetry`. */
export interface OpenTelemetryOptions {
  /** Where spans go. Default: the provider that the application has registered, or will have by the first request. */
  readonly tracerProvider?: TracerProvider | undefined
}

/**
 * Traces an endpoint with OpenTelemetry: one span for each verified request, `postern.load`, `postern.list`,
 * `postern.commit` or `postern.events`, active while the request is answered, so that spans of your hooks and of your
 * database client are its children. Where nothing traces HTTP it is the root, and of kind SERVER.
 *
 * | attribute | is |
 * |---|---|
 * | `postern.request_id` | the `requestId` of answers and logs |
 * | `postern.outcome` | `ok`; `refused`, by rule; `failed`, and the span's status is an error |
 * | `error.type` | the code of an answer with an error |
 * | `postern.models` | the models that the request names, comma-separated |
 * | `postern.operations` | how many operations a commit has |
 * | `postern.replayed` | whether a commit was answered from the ledger |
 *
 * Never values of rows, ids, idempotency keys, tenants or secrets. Requests whose signature does not hold make no span.
 *
 * @example
 * import { createEndpoint } from 'postern'
 *
 * const endpoint = createEndpoint({ adapter, signingKey: process.env.POSTERN_KEY, ...openTelemetry() })
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): { readonly tracer: Tracer } {
  const tracer = (options.tracerProvider ?? trace).getTracer('postern')
  return {
    tracer: {
      startActiveSpan(name, work) {
        const kind = trace.getActiveSpan() === undefined ? SpanKind.SERVER : SpanKind.INTERNAL
        return tracer.startActiveSpan(name, { kind }, work)
      },
    },
  }
}
