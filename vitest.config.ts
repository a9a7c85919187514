import { defineConfig } from 'vitest/config'

export default defineConfig({
  // `import 'postern/pg'` is this repository's source, not what was last built into dist.
  // Vitest hands these on to Node, so `import` or `module` must not be among them: they would break `require`.
  ssr: { resolve: { conditions: ['postern-source', 'node'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: true,
  },
})
