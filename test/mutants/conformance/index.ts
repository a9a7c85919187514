import { boundMutants } from './bounds.ts'
import { engineMutants } from './engine.ts'
import { keyMutants } from './keys.ts'
import { commitMutants } from './memory-commit.ts'
import { readMutants } from './memory-reads.ts'
import type { Mutant } from './mutant.ts'
import { wireMutants } from './wire.ts'

/** Every broken adapter. */
export const mutants: readonly Mutant[] = [
  ...commitMutants,
  ...readMutants,
  ...keyMutants,
  ...boundMutants,
  ...wireMutants,
  ...engineMutants,
]
