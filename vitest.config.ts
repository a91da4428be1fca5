import { defineConfig } from 'vitest/config'

const conditions = ['tailrace-source']
const project = (name: string, include: string[], testTimeout: number) => ({
  extends: true as const,
  test: { name, include, testTimeout, hookTimeout: testTimeout },
})

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      project('unit', ['src/**/*.test.ts', 'plugins/**/*.test.ts', 'test/repository/**/*.test.ts'], 20_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 30_000),
      project('roles', ['test/roles/**/*.test.ts', 'test/cli/**/*.test.ts'], 60_000),
      project('interop', ['test/interop/**/*.test.ts'], 120_000),
      project('reliability', ['test/reliability/**/*.test.ts'], 120_000),
    ],
  },
})
