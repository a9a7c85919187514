import type { IncomingMessage, ServerResponse } from 'node:http'
import { type DataSourceHandler, dataSource } from '../core/endpoint/endpoint.ts'
import type { DataSourceOptions } from '../core/endpoint/options.ts'
import type { Schema } from '../core/schema/define.ts'
import { linger, sendResponse, toRequest } from './bridge.ts'

/** A listener for `node:http` that never throws; `metrics` is the endpoint's. */
export interface NodeDataSource extends Pick<DataSourceHandler, 'metrics'> {
  (request: IncomingMessage, response: ServerResponse): void
}

/**
 * Mounts a Data Source endpoint on `node:http`. It answers every path: route before it.
 *
 * @param options see `DataSourceOptions`
 * @throws TypeError as `dataSource`
 * @example
 * import { createServer } from 'node:http'
 *
 * createServer(dataSourceNode({ schema, adapter, apiKey: process.env.SOURCE_KEY })).listen(3000)
 */
export function dataSourceNode<S extends Schema, Auth = unknown>(
  options: DataSourceOptions<S, Auth>,
): NodeDataSource {
  const endpoint = dataSource(options)
  const listener = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await sendResponse(response, await endpoint(toRequest(request)))
      linger(request)
    } catch {
      // The connection is gone, or was never a sound one; there is nobody to tell.
      response.destroy()
    }
  }
  return Object.assign(
    (request: IncomingMessage, response: ServerResponse) => void listener(request, response),
    {
      metrics: endpoint.metrics,
    },
  )
}
