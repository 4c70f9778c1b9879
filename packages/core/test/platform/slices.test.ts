import { describe, expect, it } from 'vitest'
import { SLICE_MS, Slices } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'

/** A clock that advances whenever it is read, and that records rests instead of waiting. */
class RestingClock extends ManualClock {
  readonly rests: number[] = []

  override yieldToOthers(restMs = 0): Promise<void> {
    this.rests.push(restMs)
    return super.yieldToOthers()
  }
}

async function workFor(steps: number, restShare?: number): Promise<number[]> {
  const clock = new RestingClock(0, 1)
  const slices = new Slices(clock, restShare === undefined ? {} : { restShare })
  for (let step = 0; step < steps; step++) if (slices.isDue()) await slices.pause()
  return clock.rests
}

describe('long work in slices', () => {
  it('lets other tasks run, without a rest', async () => {
    const rests = await workFor(1000)
    expect(rests.length).toBeGreaterThan(5)
    expect(new Set(rests)).toEqual(new Set([0]))
  })

  it('rests as long as it has worked, if asked to', async () => {
    const rests = await workFor(1000, 1)
    expect(rests.length).toBeGreaterThan(5)
    for (const rest of rests) expect(rest).toBeGreaterThanOrEqual(SLICE_MS)
  })
})
