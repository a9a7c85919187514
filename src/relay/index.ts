export type { ChangeEvent } from '../core/rules/event.ts'
export type { SigningInput, SigningKey } from '../core/signature/sign.ts'
export type {
  DeadLetter,
  Letters,
  RelayStatus,
  Relays,
} from './admin.ts'
export { relaysOf } from './admin.ts'
export type { Clock } from './clock.ts'
export type { HttpSinkOptions } from './http.ts'
export { httpSink } from './http.ts'
export type { Relay, RelayHooks, RelayOptions, RelayState } from './options.ts'
export { RelayHalted } from './options.ts'
export { createRelay } from './relay.ts'
export { standardSchedule } from './schedule.ts'
export type { DeliveryContext, DeliveryFault, RelayBatch, Sink } from './sink.ts'
export { DeliveryError } from './sink.ts'
