import { randomInt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

if (process.env.FLATLOG_SEED === 'random') {
  process.env.FLATLOG_SEED = String(randomInt(2 ** 31))
  console.log(`FLATLOG_SEED=${process.env.FLATLOG_SEED}`)
}

const tests = join(import.meta.dirname, 'test')

/** Files that replace modules of the engine. They need a process of their own, which costs a second for its imports. */
const isolated = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts') && readFileSync(join(tests, file), 'utf8').includes('vi.mock('))
  .map((file) => join(tests, file))

/** The files that take longest begin first, so that no processor waits for the last one. */
const LONG = ['planted/planted', 'simulation/', 'damage/', 'crash/', 'lock/race', 'memory/', 'disk-full/']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const long = LONG.findIndex((part) => moduleId.includes(`/test/${part}`))
      // A process that several files share ends when the next file needs one of its own.
      return (project.config.isolate ? 0 : LONG.length + 1) + (long < 0 ? LONG.length : long)
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    // Timeouts only end tests that hang.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // Two files at a time also on two processors, where vitest would take one: the tests wait for the disk.
    maxWorkers: 2,
    setupFiles: ['test/support/fast-check.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'isolated', include: isolated } },
      { extends: true, test: { name: 'shared', include: ['test/**/*.test.ts'], exclude: isolated, isolate: false } },
    ],
  },
})
