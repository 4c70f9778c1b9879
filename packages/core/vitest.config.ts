import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Two files at a time also on two cores, where vitest would take one: the tests wait for the disk and for each other.
  test: { include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 30_000, maxWorkers: 2 },
})
