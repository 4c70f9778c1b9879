import { describe, expect, it } from 'vitest'
import { majors, makeDriver, tempDir } from './helpers.js'

const SIZE = 256 * 1024
const A = new Uint8Array(SIZE).fill(0xaa)
const B = new Uint8Array(SIZE).fill(0xbb)
const ROUNDS = 100
const READS = 3

/**
 * A read during a write must return a complete value.
 * A driver that overwrites files in place sometimes returns only the beginning of the new value.
 */
describe.each(majors)('reads during a write of the same item, with unstorage $major', ({ make }) => {
  // Without a cache, values are read from the file.
  it.each([{ cacheBytes: 0 }, {}])('return the complete old or new value, with %o', async (options) => {
    const storage = make(makeDriver({ base: tempDir(), durability: 'os', ...options }))
    await storage.setItemRaw('some:key', A)
    let intact = 0
    for (let round = 0; round < ROUNDS; round++) {
      const [before, after] = round % 2 === 0 ? [A, B] : [B, A]
      const [, ...reads] = await Promise.all([
        storage.setItemRaw('some:key', after),
        ...Array.from({ length: READS }, () => storage.getItemRaw<Buffer>('some:key')),
      ])
      for (const read of reads) if (read?.equals(before) || read?.equals(after)) intact++
    }
    expect(intact).toBe(ROUNDS * READS)
  })
})
