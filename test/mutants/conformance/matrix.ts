import type { Level } from '../../../src/conformance/index.ts'

/** By fault: how many checks of each level failed on it, the one that must kill it among them. */
export type Matrix = Record<string, Partial<Record<Level, number>>>
