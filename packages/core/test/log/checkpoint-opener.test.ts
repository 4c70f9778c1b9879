import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { anyExpiry, anyString, anyValueText, indexLine } from '../format/support.js'
import {
  type CheckpointFound,
  CheckpointWriter,
  encodeHeader,
  type IndexLine,
  type IndexRow,
  openCheckpoint,
  type PartLine,
  type PartValue,
  readBackCheckpoint,
  readCheckpoint,
  Slices,
  systemClock,
  validChecksum,
  type WrittenCheckpoint,
} from '../support/core.js'
import { decoded, partsIn, recordLine, STORE, state, TIME, writeGeneration } from './generations.js'
import { MemoryFile } from './memory-file.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => ({
  ...(await original()),
  READ_CHUNK_BYTES: 1024,
  PART_BYTES: 400,
  OPEN_WHOLE_BYTES: 2000,
  OPEN_CHECKED_BYTES: 6000,
}))

/** Opening a checkpoint by header and index, and reading back one that was just written. */

const slices = () => new Slices(systemClock)
const open = (file: MemoryFile, isWhole = false) => openCheckpoint(file, slices(), isWhole)
const readWhole = (file: MemoryFile) => readCheckpoint(file, slices())
const readBack = (file: MemoryFile, written: WrittenCheckpoint) => readBackCheckpoint(file, written, slices())

/** A file that counts the bytes that are read. */
class CountingFile extends MemoryFile {
  bytesRead = 0

  override read(into: Uint8Array, position: number): number {
    const filled = super.read(into, position)
    this.bytesRead += filled
    return filled
  }
}

const RECORDS = `${recordLine(43, 42)}\n${recordLine(44)}\n`

/**
 * A generation of `keys` keys, with records.
 * The lengths below are on either side of both limits.
 */
function generation(keys: number) {
  const { file, length, written } = writeGeneration(state(keys, 100))
  file.write(RECORDS, length)
  return { file, length, written }
}

const SHORT = 10
const CHECKED = 35
const LONG = 100

function flipped(file: MemoryFile, offset: number, bit = 1): MemoryFile {
  const changed = new MemoryFile(file.bytes)
  changed.bytes[offset]! ^= bit
  return changed
}

/** The file with one line replaced. */
function withLine(file: MemoryFile, at: number, line: string): MemoryFile {
  return new MemoryFile(file.lines.map((each, number) => `${number === at ? line : each}\n`).join(''))
}

/**
 * All fields except those that differ by design.
 * The index does not contain the seq of a part.
 */
function comparable({ partsSeq, ownParts, ...found }: CheckpointFound) {
  return { ...found, bytes: ownParts.bytes, ownParts: partsIn(ownParts) }
}

async function expectSame(file: MemoryFile): Promise<CheckpointFound> {
  const found = await open(file)
  expect(comparable(found)).toEqual(comparable(await readWhole(file)))
  return found
}

describe('a whole checkpoint', () => {
  it('gives the same result as reading all of it', async () => {
    const anyState = fc.uniqueArray(
      fc.record({ key: anyString, value: anyValueText, expires: anyExpiry, time: fc.nat({ max: Date.parse(TIME) }) }),
      { selector: ({ key }) => key, maxLength: 40, size: 'max' },
    )
    await fc.assert(
      fc.asyncProperty(anyState, fc.boolean(), async (values, hasRecords) => {
        const inOrder = values.sort((a, b) => (a.key < b.key ? -1 : 1))
        const { file, length, written } = writeGeneration(inOrder)
        if (hasRecords) file.write(RECORDS, length)
        const found = await expectSame(file)
        expect(found.partsSeq).toBe(written.parts.length ? 42 : undefined)
        expect(partsIn(found.ownParts)).toEqual(written.parts.map(({ origin, ...part }) => part))
        expect(await open(file, true)).toEqual(await readWhole(file))
        expect(await readBack(file, written)).toBe(true)
        expect(written.headerCrc).toBe(found.header?.crc)
      }),
      { numRuns: 40 },
    )
  })

  it('gives the same result if parts were copied from an earlier one', async () => {
    const first = generation(LONG)
    const file = new MemoryFile()
    const later = '2025-02-01T00:00:00.000Z'
    const writer = new CheckpointWriter(file, { seq: 50, store: STORE, timestamp: later, stateBytes: 0 })
    for (const [at, part] of first.written.parts.entries()) {
      const line = first.file.bytes.subarray(part.offset, part.offset + part.bytes)
      if (at % 3) writer.addPart(part, line)
      else for (const pair of (decoded(line) as PartLine).state) writer.add(pair)
    }
    const written = writer.finish()
    expect(await expectSame(file)).toMatchObject({ seq: 50, timestamp: later, bad: [], lost: [], end: written.bytes })
    expect(await readBack(file, written)).toBe(true)
  })

  it.each([
    ['that is short is read whole', SHORT, 1],
    ['that is longer is read whole, but not decoded', CHECKED, 1],
    ['that is long is read only at its ends', LONG, 0.3],
  ])('%s', async (_what, keys, share) => {
    const { file, length } = generation(keys)
    const counting = new CountingFile(file.bytes)
    await open(counting)
    if (share === 1) expect(counting.bytesRead).toBeGreaterThanOrEqual(length)
    else expect(counting.bytesRead).toBeLessThan(length * share)
  })
})

function decodedHeader(file: MemoryFile) {
  const header = decoded(file.lines[0]!)
  if (header.kind !== 'header') throw new Error(`expected a header, got ${header.kind}`)
  return header
}

describe('a checkpoint whose header or index is damaged', () => {
  it.each([SHORT, CHECKED, LONG])('in any byte is read whole, with %i keys', async (keys) => {
    const { file, length } = generation(keys)
    const { indexAt } = decodedHeader(file)
    const inHeader = Array.from({ length: file.lines[0]!.length + 1 }, (_, byte) => byte)
    const inIndex = Array.from({ length: length - indexAt }, (_, byte) => indexAt + byte)
    for (const offset of [...inHeader, ...inIndex].filter((each) => keys < LONG || each % 3 === 0)) {
      const damaged = flipped(file, offset, 1 << (offset % 8))
      const found = await open(damaged)
      if (offset % 16 === 0) expect(found).toEqual(await readWhole(damaged))
      // A line without its newline is joined to the next one, so both are bad.
      expect(found.bad.length).toBeGreaterThan(0)
    }
  })

  it('or that is cut off anywhere is read whole', async () => {
    const { file, length } = generation(LONG)
    for (let end = 0; end < length; end += 97) {
      const cut = new MemoryFile(file.bytes.subarray(0, end))
      expect(await open(cut)).toEqual(await readWhole(cut))
    }
    const unended = new MemoryFile(file.bytes.subarray(0, length - 1))
    expect(await open(unended)).toEqual(await readWhole(unended))
    expect((await open(unended)).isCutOff).toBe(true)
  })

  const rows = (file: MemoryFile) => (decoded(file.lines.at(-3)!) as IndexLine).rows
  const withIndex = (file: MemoryFile, index: readonly IndexRow[], seq = 42) =>
    withLine(file, file.lines.length - 3, indexLine(TIME, seq, index))

  const unfit: [what: string, forge: (all: readonly IndexRow[]) => IndexRow[], seq?: number][] = [
    ['is of another checkpoint', (all) => [...all], 41],
    ['names no parts', () => []],
    ['does not name the first part', (all) => all.slice(1)],
    ['names two parts in the wrong order', ([one, other, ...all]) => [other!, one!, ...all]],
    ['names one part twice', ([one, ...all]) => [one!, one!, ...all]],
    [
      'has offsets that do not increase',
      ([one, ...all]) => [one!, { ...all[0]!, offset: one!.offset - 1 }, ...all.slice(1)],
    ],
    ['names a part after the index itself', (all) => [...all, { ...all.at(-1)!, firstKey: 'z', offset: 1e6 }]],
    ['has keys that do not increase', ([one, ...all]) => [{ ...one!, firstKey: all[0]!.firstKey }, ...all]],
  ]

  it.each(unfit)('is read whole if its index %s', async (_what, forge, seq) => {
    for (const keys of [CHECKED, LONG]) {
      const { file } = generation(keys)
      const forged = withIndex(file, forge(rows(file)), seq)
      expect(await open(forged)).toEqual(await readWhole(forged))
    }
  })

  it.each<[what: string, forge: (all: readonly IndexRow[]) => IndexRow[]]>([
    ['a part that does not exist', ([one, ...all]) => [{ ...one!, crc: '00000000' }, ...all]],
    ['all but the last part', (all) => all.slice(0, -1)],
    ['all but one in the middle', (all) => all.filter((_, at) => at !== 5)],
  ])('is read whole if its index names %s; in a long one the part fails when it is read', async (_what, forge) => {
    const short = generation(CHECKED).file
    const forged = withIndex(short, forge(rows(short)))
    expect(await open(forged)).toEqual(await readWhole(forged))
    const { file } = generation(LONG)
    const long = withIndex(file, forge(rows(file)))
    const { ownParts } = await open(long)
    const damaged = partsIn(ownParts).filter(
      ({ offset, bytes, crc }) => validChecksum(long.bytes.subarray(offset, offset + bytes)) !== crc,
    )
    expect(damaged).toHaveLength(1)
  })

  it('is read whole if its header points elsewhere', async () => {
    const { file, length } = generation(LONG)
    const header = decodedHeader(file)
    const places = [header.indexAt - 1, header.indexAt + 1, length, length * 2, rows(file)[3]!.offset]
    for (const indexAt of places) {
      const forged = withLine(file, 0, encodeHeader({ ...header, indexAt }))
      expect(await open(forged)).toEqual(await readWhole(forged))
    }
  })
})

describe('a damaged part', () => {
  const anyPlace = (file: MemoryFile) => {
    const { indexAt } = decodedHeader(file)
    return fc.tuple(fc.integer({ min: file.lines[0]!.length + 1, max: indexAt - 1 }), fc.nat({ max: 7 }))
  }

  it.each([SHORT, CHECKED])('in a checkpoint of %i keys is found at opening', async (keys) => {
    const { file } = generation(keys)
    await fc.assert(
      fc.asyncProperty(anyPlace(file), async ([offset, bit]) => {
        const damaged = flipped(file, offset, 1 << bit)
        const found = await open(damaged)
        expect(found).toEqual(await readWhole(damaged))
        expect(found.bad.length).toBeGreaterThan(0)
      }),
      { numRuns: 60 },
    )
  })

  it('in a long one is found when it is read, or if the checkpoint is read whole', async () => {
    const { file } = generation(LONG)
    const whole = await open(file)
    await fc.assert(
      fc.asyncProperty(anyPlace(file), async ([offset, bit]) => {
        const damaged = flipped(file, offset, 1 << bit)
        expect(await open(damaged)).toEqual(whole)
        expect(await open(damaged, true)).toEqual(await readWhole(damaged))
      }),
      { numRuns: 40 },
    )
  })
})

describe('reading back a checkpoint', () => {
  it.each([
    ['in the header', state(3, 10)],
    ['in parts', state(SHORT, 100)],
    ['in many parts', state(25, 100)],
  ])('%s: notices any flipped bit', async (_what, values) => {
    const { file, length, written } = writeGeneration(values)
    file.write(RECORDS, length)
    expect(await readBack(file, written)).toBe(true)
    for (let offset = 0; offset < length; offset++) {
      const found = await readBack(flipped(file, offset, 1 << (offset % 8)), written)
      if (found) expect(`byte ${offset}`).toBe('noticed')
    }
    for (const more of [-1, 1]) expect(await readBack(file, { ...written, bytes: length + more })).toBe(false)
    // Bytes after the checkpoint are not checked.
    expect(await readBack(flipped(file, length + 5), written)).toBe(true)
    for (const end of [0, 1, length >> 1, length - 1]) {
      expect(await readBack(new MemoryFile(file.bytes.subarray(0, end)), written)).toBe(false)
    }
  })

  it('notices any other checkpoint, even if it is whole', async () => {
    const expected = writeGeneration(state(40, 100)).written
    const another = (values: readonly PartValue[], seq?: number) => {
      const { file } = writeGeneration(values, seq === undefined ? {} : { seq })
      return readBack(file, expected)
    }
    expect(await another(state(40, 100))).toBe(true)
    expect(await another(state(39, 100))).toBe(false)
    expect(await another(state(41, 100))).toBe(false)
    expect(await another([])).toBe(false)
    expect(await another(state(40, 100), 43)).toBe(false)
    expect(await another(state(40, 100, 'j'))).toBe(false)
    expect(await another(state(40, 99))).toBe(false)
    const [first, ...others] = state(40, 100) as [PartValue, ...PartValue[]]
    expect(await another([{ ...first, expires: 1 }, ...others])).toBe(false)
    const inline = writeGeneration(state(2, 10)).written
    expect(await readBack(writeGeneration(state(1, 10)).file, inline)).toBe(false)
    expect(await readBack(writeGeneration(state(40, 100)).file, inline)).toBe(false)
  })
})
