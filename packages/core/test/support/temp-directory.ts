import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/** Call it once in a file or a describe block. The function it returns makes a fresh directory; all of them are gone after the test. */
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
