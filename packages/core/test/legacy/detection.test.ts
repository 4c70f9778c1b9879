import { expect, test, vi } from 'vitest'
import { line } from '../format/support.js'
import { MemoryFile } from '../log/memory-file.js'
import { isLegacyLog, Slices, validChecksum } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { type Random, withSeed } from '../support/random.js'
import { changeOf, linesOf } from './model.js'
import { anyLog } from './random-files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => ({ ...(await original()), READ_CHUNK_BYTES: 64 }))

/** Distinguishes a log of format 0 from one of version 1. */

function isLegacy(log: Buffer, hasVersion1Files: boolean): boolean {
  const lines = linesOf(log).map(({ bytes }) => bytes)
  const first = lines[0]?.toString('latin1') ?? ''
  const isChecked = /^\{"timestamp":"[^"]*","seq":/.test(first) || /,"crc":"[0-9a-f]{8}"\}$/.test(first)
  if (isChecked || lines.some((each) => validChecksum(each) !== undefined)) return false
  return !hasVersion1Files || lines.some((each) => changeOf(each) !== undefined)
}

function version1Line(random: Random): string {
  const body = `{"timestamp":"2025-01-15T12:34:56.789Z","seq":${random.below(9)},"op":"SET","key":"k","value":`
  return line(`${body}"${random.pick(['x', 'é']).repeat(random.below(200))}"`)
}

/** With a line of version 1 among the others, whole or damaged. */
function mixed(random: Random): Buffer {
  const lines = anyLog(random).toString('latin1').split('\n').slice(0, random.below(12))
  const added = Buffer.from(version1Line(random)).toString('latin1')
  const at = random.below(added.length)
  const instead = random.pick([
    added,
    added,
    `${added.slice(0, at)}#${added.slice(at + 1)}`,
    added.slice(0, at),
    added.slice(at),
  ])
  if (random.below(3)) lines.splice(random.below(2) ? 0 : random.below(lines.length + 1), random.below(2), instead)
  return Buffer.from(lines.join('\n') + random.pick(['', '\n']), 'latin1')
}

const slices = new Slices(new ManualClock(0, 1))

test('a log is of format 0 if no line of it is of version 1', async () => {
  await withSeed(async (random) => {
    const counts = [0, 0]
    for (let round = 0; round < 1500; round++) {
      const log = mixed(random)
      const hasVersion1Files = random.below(2) === 0
      const expected = isLegacy(log, hasVersion1Files)
      const found = await isLegacyLog(new MemoryFile(log), hasVersion1Files, slices)
      expect([log.toString(), found]).toEqual([log.toString(), expected])
      counts[expected ? 1 : 0]!++
    }
    for (const count of counts) expect(count).toBeGreaterThan(100)
  })
})

test('a log of version 1 is recognized by its first bytes', async () => {
  let readBytes = 0
  const log = `${line('{"timestamp":"2025-01-15T12:34:56.789Z","seq":0,"op":"CHECKPOINT","format":1')}\n`.repeat(1000)
  const file = new MemoryFile(Buffer.from(log))
  const { read } = file
  file.read = (into, position) => {
    const filled = read.call(file, into, position)
    readBytes += filled
    return filled
  }
  expect(await isLegacyLog(file, true, slices)).toBe(false)
  expect(readBytes).toBeLessThan(1024)
})
