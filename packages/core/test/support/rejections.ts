import { afterEach, beforeEach, expect } from 'vitest'
import { turns } from './turns.js'

/** Call it once in a file or a describe block: every test of it then fails if a promise was rejected unheard. */
export function useRejectionWatch(): void {
  const unheard: unknown[] = []
  const listener = (reason: unknown) => void unheard.push(reason)
  beforeEach(() => {
    unheard.length = 0
    process.on('unhandledRejection', listener)
  })
  afterEach(async () => {
    await turns()
    process.off('unhandledRejection', listener)
    expect(unheard).toEqual([])
  })
}
