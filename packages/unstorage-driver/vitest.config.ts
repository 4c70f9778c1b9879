import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Timeouts only end tests that hang.
  test: { include: ['test/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 },
})
