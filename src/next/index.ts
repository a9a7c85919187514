import { type DataSourceHandler, dataSource } from '../core/endpoint/endpoint.ts'
import type { DataSourceOptions } from '../core/endpoint/options.ts'
import type { Schema } from '../core/schema/define.ts'

/**
 * Mounts a Data Source endpoint as a route handler of the Next.js App Router. Next answers other methods itself.
 *
 * Behind a `proxy.ts` Next cuts bodies over 10 MB short in silence; such a request is answered `request_truncated`.
 *
 * @param options see `DataSourceOptions`
 * @throws TypeError as `dataSource`
 * @example
 * // app/api/source/route.ts
 * export const { POST } = dataSourceNext({ schema, adapter, apiKey: process.env.SOURCE_KEY })
 */
export function dataSourceNext<S extends Schema, Auth = unknown>(
  options: DataSourceOptions<S, Auth>,
): { POST: DataSourceHandler } {
  return { POST: dataSource(options) }
}
