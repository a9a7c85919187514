export { z } from 'zod'
export type {
  Adapter,
  CommitAnswer,
  CommitRequest,
  Comparison,
  Condition,
  EventsRequest,
  LedgerEntry,
  ListRequest,
  LoadRequest,
  LogEntry,
  LogPage,
  OnStale,
  Operation,
  Operator,
  RequestContext,
  RowValue,
  Scope,
  Store,
  StoreKinds,
  StoreTransaction,
  Target,
} from './core/adapter.ts'
export type {
  Caller,
  CallOptions,
  Commit,
  CommitOperation,
  CommitOperations,
  Committed,
  CreateOperation,
  Decide,
  EventOf,
  Found,
  ListAllOptions,
  ListProgress,
  ListQuery,
  Loaded,
  LoadQuery,
  OrderBy,
  Page,
  Related,
  RowOperation,
  StaleMode,
  StaleReportOf,
  Updated,
  UpdateOperation,
  UpdateOptions,
  Where,
} from './core/caller/caller.ts'
export type { VerifiedContext } from './core/endpoint/context.ts'
export { createEndpoint, type Endpoint, type KeyUse } from './core/endpoint/endpoint.ts'
export { defaultLimits, type Limits } from './core/endpoint/limits.ts'
export type {
  Local,
  LocalCommitOptions,
  LocalEvents,
  LocalEventsQuery,
} from './core/endpoint/local.ts'
export type {
  CommitOutcome,
  Logger,
  Metrics,
  RequestOutcome,
  Tracer,
} from './core/endpoint/observe.ts'
export type {
  AdapterContext,
  AuthorizeContext,
  EndpointOptions,
  PickAdapter,
  ResolvedScopes,
  ResolveKeys,
  ScopesContext,
} from './core/endpoint/options.ts'
export type { RateLimiter, RateLimits } from './core/endpoint/rate.ts'
export { type ErrorCode, errors, PosternError, Rejection } from './core/errors.ts'
export type { PlainOperation } from './core/protocol/operations.ts'
export type { PlainQuery } from './core/protocol/query.ts'
export type { ProtocolRequest, RequestType } from './core/protocol/request.ts'
export type { ChangeEvent } from './core/rules/event.ts'
export type { StaleReason, StaleReport } from './core/rules/staleness.ts'
export { type StoreAdapterOptions, storeAdapter } from './core/rules/store-adapter.ts'

export {
  defineSchema,
  type Field,
  type Model,
  type Schema,
} from './core/schema/define.ts'
export { field } from './core/schema/field.ts'
export type { CreateInput, FieldName, ModelName, Row, UpdateInput } from './core/schema/infer.ts'
export { keyFields } from './core/schema/key.ts'
export { canonicalValue } from './core/schema/kind.ts'
export {
  type ModelDeclaration,
  type ModelDefinition,
  type ModelOptions,
  type ModelTypes,
  model,
  type Policy,
} from './core/schema/model.ts'
export type { OperationType } from './core/schema/operation.ts'
export { type Relation, relation } from './core/schema/relation.ts'
export type { JwksEntry, KeyEntry, KeyInput, PublicKeyEntry, SecretKeyEntry } from './core/signature/keys.ts'
export { createKeyRing } from './core/signature/keys.ts'
export {
  type SignatureHeaders,
  type SigningInput,
  type SigningKey,
  signRequest,
} from './core/signature/sign.ts'
export { type VerifiedRequest, type VerifyOptions, verifyRequest } from './core/signature/verify.ts'
