import { expect, test } from 'vitest'
import { run, useChildren } from '../support/children.js'
import { isLong, rounds } from '../support/long.js'
import { useTempDirectory } from '../support/temp-directory.js'

/** A store may be larger than the heap: only the disk limits its size. */

const directory = useTempDirectory()
const childPath = useChildren('many-values')
const MIB = 1 << 20

interface Measured {
  readonly step: string
  readonly ms: number
  readonly longestLagMs: number
  readonly heapBytes: number
  readonly peakBytes: number
  readonly stats?: Record<string, number>
}

const SIZE = isLong
  ? { keys: 1_000_000, valueBytes: 5000, cacheBytes: 64 * MIB, reads: 200_000, heapMiB: 256 }
  : { keys: 36_000, valueBytes: 5000, cacheBytes: 4 * MIB, reads: 4000, heapMiB: 64 }

test(
  `a store can have ${SIZE.keys} values of ${SIZE.valueBytes} bytes with a heap of ${SIZE.heapMiB} MiB`,
  async () => {
    const { heapMiB, ...size } = SIZE
    const steps: Measured[] = []
    const path = childPath('many-values')
    const task = JSON.stringify({ dir: directory(), ...size })
    const { ended } = run(path, [task], (line) => steps.push(JSON.parse(line) as Measured), [
      `--max-old-space-size=${heapMiB}`,
    ])
    expect(await ended).toEqual({ code: 0, signal: null })
    for (const { step, ms, longestLagMs, heapBytes, peakBytes } of steps) {
      console.info(
        `${step}: ${ms} ms, lag ${longestLagMs} ms, heap ${Math.round(heapBytes / MIB)}, peak ${Math.round(peakBytes / MIB)} MiB`,
      )
    }
    const written = steps.find(({ step }) => step === 'compact')?.stats as Record<string, number>
    // The file is more than twice the heap, and the cache keeps to its limit.
    expect(written.logBytes).toBeGreaterThan(2 * heapMiB * MIB)
    expect(written.cachedBytes).toBeLessThanOrEqual(size.cacheBytes)
    expect(steps.map(({ step }) => step)).toEqual([
      ...['write', 'read', 'list', 'compact', 'read again'],
      ...['open', 'read after opening', 'list after opening'],
    ])
  },
  rounds(600_000, 7_200_000),
)
