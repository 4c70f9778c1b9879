import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/**
 * Returns a function that makes directories, which are removed after each test.
 * Call it once in a file or block.
 */
export function useTempDirectory(): () => string {
  const made: string[] = []
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })
  return () => {
    const directory = mkdtempSync(join(tmpdir(), 'flatlog-'))
    made.push(directory)
    return directory
  }
}
