import { describe, expect, test } from 'vitest'
import { type MemoryDisk, memoryLockEnvironment } from '../damage/memory-disk.js'
import { openOnDisk } from '../damage/opening.js'
import type { OpenFile, OpenMode } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { LOG, memoryDisk } from './files.js'

/**
 * Reading a log of format 0 lets others run every few milliseconds.
 * Only a single line is decoded in one go.
 */

const MIB = 1024 * 1024

/**
 * A clock that advances with the bytes that are read.
 * 1 MiB takes four milliseconds, twice as long as a slice.
 */
class ReadingClock extends ManualClock {
  bytes = 0
  mostBytes = 0
  pauses = 0
  #bytesBefore = 0

  override monotonicMs(): number {
    return (this.bytes / MIB) * 4
  }

  override yieldToOthers(): Promise<void> {
    this.pauses++
    this.mostBytes = Math.max(this.mostBytes, this.bytes - this.#bytesBefore)
    this.#bytesBefore = this.bytes
    return super.yieldToOthers()
  }
}

function countReads(disk: MemoryDisk, clock: ReadingClock): MemoryDisk {
  const { open } = disk
  disk.open = (path: string, mode: OpenMode): OpenFile => {
    const file = open.call(disk, path, mode)
    const { read } = file
    file.read = (into, position) => {
      const filled = read.call(file, into, position)
      clock.bytes += filled
      return filled
    }
    return file
  }
  return disk
}

const lines = Array.from({ length: 60_000 }, (_, number) => {
  return `{"op":"SET","key":"key ${number % 500}","value":{"n":${number},"fill":"${'x'.repeat(60)}"}}\n`
})
const garbage = Array.from({ length: 60_000 }, () => `${'garbage '.repeat(12)}\n`)

describe.each([
  ['many lines', lines],
  ['many bad lines', [...garbage, lines[0] as string]],
])('a log of %s', (_, log) => {
  test.each([false, true])('is read in slices (readOnly: %s)', async (readOnly) => {
    const clock = new ReadingClock()
    const disk = countReads(memoryDisk({ log: log.join('') }), clock)
    const store = await openOnDisk(
      { clock, fileSystem: disk, processes: memoryLockEnvironment('00000001') },
      { mainFile: false, readOnly },
    )
    expect(store.keys().next().done).toBe(false)
    await store.close()
    expect(disk.has(`${LOG}.before-flatlog`)).toBe(!readOnly)
    expect(clock.bytes).toBeGreaterThan(10 * MIB)
    expect(clock.pauses).toBeGreaterThan(5)
    // A slice, and the chunk that ends it.
    expect(clock.mostBytes).toBeLessThan(1.6 * MIB)
  })
})
