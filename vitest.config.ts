import { defineConfig } from 'vitest/config'

export default defineConfig({
  // `import 'postern/pg'` is this repository's source, not what was last built into dist.
  // Vitest hands these on to Node, so `import` or `module` must not be among them: they would break `require`.
  ssr: { resolve: { conditions: ['postern-source', 'node'] } },
  test: {
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], pool: 'threads', isolate: false },
      },
      {
        extends: true,
        test: {
          // Whatever wants a server, or starts processes of its own.
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**'],
          globalSetup: ['test/support/global-setup.ts'],
          pool: 'forks',
        },
      },
    ],
  },
})
