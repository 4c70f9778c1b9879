import { expect, test, vi } from 'vitest'
import { MemoryFile } from '../log/memory-file.js'
import { line } from '../record/support.js'
import { decodeOlderLine, isOlderLog, Slices, validChecksum } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { type Random, withSeed } from '../support/random.js'
import { anyLog } from './random-files.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS } = await import('./tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS }
})

/** Telling a log of the original system from one of ours, with lines that are longer than what is held. */

/** Line by line, each of them in memory. */
function isOlder(log: Buffer, hasVersion1Files: boolean): boolean {
  const lines = log.toString('latin1').split('\n')
  if (lines.at(-1) === '') lines.pop()
  const decoded = lines.map((each) => Buffer.from(each, 'latin1'))
  const first = lines[0] ?? ''
  const isChecked = /^\{"timestamp":"[^"]*","seq":/.test(first) || /,"crc":"[0-9a-f]{8}"\}$/.test(first)
  if (isChecked || decoded.some((each) => validChecksum(each) !== undefined)) return false
  return !hasVersion1Files || decoded.some((each) => decodeOlderLine(each).kind !== 'bad')
}

function ours(random: Random): string {
  const body = `{"timestamp":"2025-01-15T12:34:56.789Z","seq":${random.below(9)},"op":"SET","key":"k","value":`
  return line(`${body}"${random.pick(['x', 'é']).repeat(random.below(200))}"`)
}

/** With a line of ours among the others, whole or not. */
function mixed(random: Random): Buffer {
  const lines = anyLog(random).toString('latin1').split('\n').slice(0, random.below(12))
  const added = Buffer.from(ours(random)).toString('latin1')
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

test('a log is of the original system exactly where no line of it is of ours', async () => {
  await withSeed(async (random) => {
    const counts = [0, 0]
    for (let round = 0; round < 1500; round++) {
      const log = mixed(random)
      const hasVersion1Files = random.below(2) === 0
      const expected = isOlder(log, hasVersion1Files)
      const slices = new Slices(new ManualClock(0, 1))
      expect([log.toString(), await isOlderLog(new MemoryFile(log), hasVersion1Files, slices)]).toEqual([
        log.toString(),
        expected,
      ])
      counts[expected ? 1 : 0]!++
    }
    for (const count of counts) expect(count).toBeGreaterThan(100)
  })
})
