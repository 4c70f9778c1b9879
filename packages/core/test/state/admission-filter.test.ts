import { describe, expect, it } from 'vitest'
import { AdmissionFilter, fingerprint } from '../support/core.js'

describe('who may come in', () => {
  it('is what came before, not long ago', () => {
    const door = new AdmissionFilter(0)
    const first = fingerprint('first')
    expect(door.admits(first)).toBe(false)
    expect(door.admits(first)).toBe(true)
    expect(door.admits(first)).toBe(true)
    // Enough others to have come to its place.
    for (let n = 0; n < 50_000; n++) door.admits(fingerprint(`other ${n}`))
    expect(door.admits(first)).toBe(false)
  })

  it('are few of many that come once each, and most of few that come again and again', () => {
    for (const cacheBytes of [0, 8 * 1024 * 1024, Number.POSITIVE_INFINITY]) {
      const door = new AdmissionFilter(cacheBytes)
      const count = (keys: number, rounds: number) => {
        let admitted = 0
        for (let n = 0; n < keys * rounds; n++) if (door.admits(fingerprint(`key${n % keys}`))) admitted++
        return admitted
      }
      expect(count(1_000_000, 1)).toBeLessThan(1000)
      expect(count(100, 10)).toBeGreaterThan(700)
    }
  })
})
