import type { DataSourceOptions } from '../core/endpoint/options.ts'
import type { Schema } from '../core/schema/define.ts'
import { dataSourceNode, type NodeDataSource } from '../node/index.ts'

/** An Express request handler that answers every request itself and never calls `next`. */
export type ExpressDataSource = NodeDataSource

/**
 * Mounts a Data Source endpoint on an Express route. The signature covers the body's raw bytes, so mount it before
 * `express.json()`; where a parser must come first, put `express.raw({ type: () => true })` on this route, or keep
 * the bytes as `request.rawBody` with the parser's `verify` option. After a parser that kept nothing, each request
 * is answered with `source_adapter_misconfigured`.
 *
 * @param options see `DataSourceOptions`
 * @throws TypeError as `dataSource`
 * @example
 * import express from 'express'
 *
 * const app = express()
 * app.post('/source', dataSourceExpress({ schema, adapter, apiKey: process.env.SOURCE_KEY }))
 * app.use(express.json())
 */
export function dataSourceExpress<S extends Schema, Auth = unknown>(
  options: DataSourceOptions<S, Auth>,
): ExpressDataSource {
  return dataSourceNode(options)
}
