import { defineConfig } from 'vitest/config'

// In this checkout `postern` is its source: for the tests, and for the set-up, which vitest loads in an environment of
// its own. An application that has installed the package needs nothing of this.
const conditions = ['postern-source', 'node']

export default defineConfig({
  ssr: { resolve: { conditions } },
  environments: { __vitest__: { resolve: { conditions, externalConditions: conditions } } },
  test: {
    root: import.meta.dirname,
    globalSetup: ['set-up.ts'],
    maxWorkers: 2,
    testTimeout: 60_000,
  },
})
