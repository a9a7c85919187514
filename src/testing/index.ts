export {
  type HeadersLike,
  type RoutedSession,
  type TestSessions,
  type TestSessionsOptions,
  testSessions,
} from './app.ts'
export type {
  AroundSink,
  BatchSink,
  CapturedPush,
  EffectSink,
  EffectsOptions,
  EffectsPolicy,
  SessionEffects,
} from './effects.ts'
export { TestingError, type TestingErrorCode, testingErrors } from './errors.ts'
export type { FixtureInputs } from './fingerprint.ts'
export { type BaseDatabase, type Fixture, type FixtureOptions, fixture, type SealedBase } from './fixture.ts'
export type { FixtureAdapterOptions, FixtureDatabase, FixtureEndpointOptions } from './open.ts'
export type { PgliteClass, PgliteFixtures } from './pglite-store.ts'
export { browserSession, type RunnerFixture, sealFixtures, sessionPerTest } from './runners.ts'
export type { AttachOptions, TestSession } from './session.ts'
export type { SweepReport } from './store.ts'
export type { Strategy } from './strategies.ts'
