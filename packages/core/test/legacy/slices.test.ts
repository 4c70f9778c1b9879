import { describe, expect, test } from 'vitest'
import { MemoryDisk } from '../damage/memory-disk.js'
import {
  isOlderLog,
  newRecovery,
  type OpenFile,
  type OpenMode,
  type OriginalContext,
  type OriginalState,
  readMainFile,
  readOlderLog,
  Slices,
  storePaths,
} from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'

/** Taking over a large installation lets others run every few milliseconds, also inside one line and one value. */

const MIB = 1024 * 1024
const LOG = '/data/logs/store.log'
const MAIN = '/data/store.json'

/** Time goes by with the bytes that are read: a mebibyte takes four milliseconds, which is as long as a slice. */
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

class ReadDisk extends MemoryDisk {
  clock = new ReadingClock()

  override open(path: string, mode: OpenMode): OpenFile {
    const file = super.open(path, mode)
    const { read } = file
    file.read = (into, position) => {
      const filled = read.call(file, into, position)
      this.clock.bytes += filled
      return filled
    }
    return file
  }
}

const pairs = (count: number) =>
  Array.from({ length: count }, (_, n) => `"key ${n}":{"n":${n},"fill":"${'x'.repeat(60)}"}`)
const longValue = JSON.stringify('x'.repeat(8 * MIB))

const states: [string, string][] = [
  ['of many short values', `{${pairs(60_000).join()}}`],
  ['of one long value', `{"a":1,"long":${longValue},"z":1}`],
]

async function walk(state: OriginalState, slices: Slices): Promise<number> {
  let keys = 0
  for await (const [, value] of state.pairs()) {
    keys++
    if (!('pieces' in value)) continue
    // As whoever writes them does.
    for (const piece of value.pieces()) if (slices.isDue(piece.length)) await slices.pause()
  }
  return keys
}

describe.each(states)('a state %s', (_, state) => {
  const lines = {
    checkpoint: `{"op":"CHECKPOINT","state":${state}}\n`,
    set: `{"op":"SET","key":"a","value":${state}}\n`,
  }

  test.each([
    ['in one line', { [LOG]: lines.checkpoint }],
    ['as the value of a key', { [LOG]: lines.set }],
    ['in a line that is torn', { [MAIN]: '{}', [LOG]: `{"op":"SET","key":"a","value":1}\n${lines.set.slice(0, -3)}` }],
    ['in a main file', { [MAIN]: state }],
  ])('%s', async (_, files: { [path: string]: string }) => {
    const disk = new ReadDisk(['/', '/data', '/data/logs'])
    for (const [path, text] of Object.entries(files)) disk.put(path, Buffer.from(text))
    const slices = new Slices(disk.clock)
    const context: OriginalContext = {
      fileSystem: disk,
      paths: storePaths('/data', 'store'),
      recovery: newRecovery('log'),
      slices,
      times: false,
      onProgress() {},
      isReadOnly: true,
    }
    if (disk.has(LOG)) await isOlderLog(disk.open(LOG, 'read'), false, slices)
    const original = disk.has(LOG)
      ? await readOlderLog(context, disk.open(LOG, 'read'), false)
      : await readMainFile(context)
    expect(await walk(original as OriginalState, slices)).toBeGreaterThan(0)
    expect(disk.clock.bytes).toBeGreaterThan(5 * MIB)
    expect(disk.clock.pauses).toBeGreaterThan(2)
    // A slice, and the chunk that it ends with.
    expect(disk.clock.mostBytes).toBeLessThan(1.6 * MIB)
  })
})
