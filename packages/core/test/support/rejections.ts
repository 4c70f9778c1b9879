import { afterEach, beforeEach, expect } from 'vitest'
import { turns } from './turns.js'

/** Makes the tests of a file or a block fail if a rejected promise was not handled. */
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
