import { defineConfig } from 'vitest/config'

// Limits are those of a test that hangs: nothing is proved by them, and machines may be ten times as slow as this one.
const conditions = ['tailrace-source']
const project = (name: string, include: string[], testTimeout: number) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout, expect: { poll: { timeout: testTimeout / 2 } } },
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Many tests wait for processes: one worker a core, not one less.
    maxWorkers: '100%',
    setupFiles: process.env.CI ? ['test/support/one-seed.ts'] : [],
    projects: [
      project('unit', ['src/**/*.test.ts', 'plugins/**/*.test.ts', 'test/repository/**/*.test.ts'], 120_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 180_000),
      project('roles', ['test/roles/**/*.test.ts', 'test/cli/**/*.test.ts'], 240_000),
      project('interop', ['test/interop/**/*.test.ts'], 300_000),
      project('reliability', ['test/reliability/**/*.test.ts'], 300_000),
    ],
  },
})
