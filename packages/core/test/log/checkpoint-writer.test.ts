import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CheckpointWriter,
  fromBytes,
  fromText,
  fromValue,
  type HeaderLine,
  type IndexLine,
  MAX_PARTS,
  PART_BYTES,
  type PartLine,
  type PartSummary,
  type PartValue,
  validChecksum,
} from '../support/core.js'
import { decoded, read, STORE, state, TIME, writeGeneration } from './generations.js'
import { MemoryFile } from './memory-file.js'

/** Header, parts and index line of a generation in parts. */
function partsOf(file: MemoryFile) {
  const lines = file.lines.map(decoded)
  expect(lines[0]?.kind).toBe('header')
  expect(lines.at(-1)?.kind).toBe('index')
  const parts = lines.slice(1, -1) as PartLine[]
  expect(parts.every((part) => part.kind === 'part')).toBe(true)
  return { header: lines[0] as HeaderLine, parts, index: lines.at(-1) as IndexLine }
}

describe('the state is written', () => {
  it('to the header if it fits one part', () => {
    const { file, length } = writeGeneration(state(3, 10))
    expect(file.lines).toHaveLength(1)
    expect(length).toBe(file.bytes.length)
    expect(decoded(file.lines[0]!)).toMatchObject({
      kind: 'header',
      seq: 42,
      store: STORE,
      indexAt: 0,
      compactedAt: TIME,
    })
    expect((decoded(file.lines[0]!) as HeaderLine).state.map((pair) => pair.key)).toEqual(['k000', 'k001', 'k002'])
  })

  it('to the header if it is empty', () => {
    const { file } = writeGeneration([], { seq: 0 })
    expect(file.lines).toHaveLength(1)
    expect(decoded(file.lines[0]!)).toMatchObject({ kind: 'header', seq: 0, indexAt: 0, state: [] })
  })

  it.each<[what: string, more: Partial<PartValue>]>([
    ['expires', { expires: 5 }],
    ['is a text', { value: fromText('', 'x y') }],
    ['is bytes', { value: fromBytes('', new Uint8Array(1)) }],
    ['has a time', { time: 0 }],
  ])('to a part if one of its values %s, which a header cannot contain', async (_what, more) => {
    const values = [...state(2, 10), { ...state(3, 10)[2]!, ...more }]
    const { file } = writeGeneration(values)
    const { header, parts } = partsOf(file)
    expect(header.state).toEqual([])
    expect(parts).toHaveLength(1)
    expect((await read(file)).found.get('k002')).toMatchObject(more)
  })

  it('to parts if it is longer than one', () => {
    const { file, length } = writeGeneration(state(100))
    const { header, parts, index } = partsOf(file)
    expect(header).toMatchObject({ seq: 42, state: [] })
    expect(index.seq).toBe(42)
    expect(length).toBe(file.bytes.length)
    expect(file.bytes.toString('utf8', header.indexAt)).toBe(`${file.lines.at(-1)}\n`)
    expect(parts.length).toBeGreaterThan(10)
    for (const part of parts.slice(0, -1)) {
      const stateBytes = part.state.reduce((sum, pair) => sum + pair.key.length + 4 + pair.value.text.length, 0)
      expect(stateBytes).toBeLessThanOrEqual(PART_BYTES)
      expect(stateBytes).toBeGreaterThan(PART_BYTES - 1100)
    }
    expect(parts.flatMap((part) => part.state.map((pair) => pair.key))).toEqual(state(100).map((pair) => pair.key))
  })

  it('with a large value in a part of its own, and its neighbours in parts of the usual length', () => {
    const large = { key: 'k001x', value: fromValue('', 'x'.repeat(PART_BYTES * 5)) }
    const { file } = writeGeneration([...state(2, 10), large, ...state(4, 10).slice(2)])
    expect(partsOf(file).parts.map((part) => part.state.map((pair) => pair.key))).toEqual([
      ['k000', 'k001'],
      ['k001x'],
      ['k002', 'k003'],
    ])
  })

  it('to longer parts if there would be too many', () => {
    const { file } = writeGeneration(state(100), { stateBytes: MAX_PARTS * PART_BYTES * 4 })
    const { parts } = partsOf(file)
    expect(parts).toHaveLength(Math.ceil((100 * 1010) / (PART_BYTES * 4)))
  })
})

describe('the index', () => {
  it('contains first key, offset, number of keys and checksum of each part', () => {
    const { file } = writeGeneration([...state(60), ...state(60, 300, 'é')])
    const { parts, index } = partsOf(file)
    expect(index.rows).toHaveLength(parts.length)
    index.rows.forEach((row, position) => {
      const part = parts[position]!
      const start = file.bytes.subarray(row.offset)
      const there = decoded(start.subarray(0, start.indexOf('\n')))
      expect(there).toEqual(part)
      expect(row).toMatchObject({ firstKey: part.state[0]!.key, keys: part.state.length, crc: part.crc })
    })
  })

  it('contains the times at which the first and the last key of a part expire', () => {
    // One group for each part.
    const expiring = (key: string, ...times: (number | undefined)[]): PartValue[] =>
      times.map((expires, number) => ({
        key: `${key}${number}`,
        value: fromValue('', 'x'.repeat(number === 0 ? PART_BYTES - 200 : 10)),
        ...(expires !== undefined && { expires }),
      }))
    const { file } = writeGeneration([
      ...expiring('a', 7, 3, 9),
      ...expiring('b', undefined, undefined),
      ...expiring('c', undefined, 5),
      ...expiring('d', 5, undefined),
      ...expiring('e', 0),
    ])
    const { index } = partsOf(file)
    expect(index.rows.map(({ firstKey, minExpires, maxExpires }) => [firstKey, minExpires, maxExpires])).toEqual([
      ['a0', 3, 9],
      ['b0', null, null],
      ['c0', 5, null],
      ['d0', 5, null],
      ['e0', 0, 0],
    ])
  })
})

describe('the result of writing', () => {
  it('has the offsets of the index and the parts, and their lengths', () => {
    const { file, length, written } = writeGeneration([...state(60), ...state(60, 300, 'é')])
    const { header, index } = partsOf(file)
    expect(written).toMatchObject({ bytes: file.bytes.length, indexAt: header.indexAt, inlineState: [] })
    expect(written.parts.map(({ bytes, origin, ...row }) => row)).toEqual(index.rows)
    const lines = file.lines.slice(1, -1)
    expect(written.parts.map(({ bytes }) => bytes)).toEqual(lines.map((line) => Buffer.byteLength(line)))
    expect(written.parts.every(({ origin }) => origin === undefined)).toBe(true)
    expect(length).toBe(written.bytes)
  })

  it('has the state itself if the header contains it', () => {
    const { file, written } = writeGeneration(state(3, 10))
    const headerCrc = validChecksum(Buffer.from(file.lines[0] as string)) as string
    expect(written).toEqual({
      ...{ bytes: file.bytes.length, parts: [], inlineState: state(3, 10) },
      ...{ indexAt: 0, headerCrc, indexCrc: '' },
    })
  })
})

describe('a part of an earlier checkpoint', () => {
  const earlier = writeGeneration(state(60))
  const lineOf = ({ offset, bytes }: PartSummary) => Buffer.from(earlier.file.bytes.subarray(offset, offset + bytes))
  const [first, second] = earlier.written.parts as [PartSummary, PartSummary]

  function write(fill: (writer: CheckpointWriter) => void) {
    const file = new MemoryFile()
    const writer = new CheckpointWriter(file, { seq: 50, store: STORE, timestamp: TIME, stateBytes: 0 })
    fill(writer)
    return { file, written: writer.finish() }
  }

  it('is copied unchanged, between others', async () => {
    const { file, written } = write((writer) => {
      writer.add({ key: 'a', value: fromValue('', 1) })
      writer.addPart(first, lineOf(first))
      writer.addPart(second, lineOf(second))
      writer.add({ key: 'z', value: fromValue('', 2) })
    })
    const { parts, index } = partsOf(file)
    expect(parts.map((part) => [part.seq, part.state[0]?.key])).toEqual([
      [50, 'a'],
      [42, first.firstKey],
      [42, second.firstKey],
      [50, 'z'],
    ])
    expect(written.parts.map(({ origin }) => origin)).toEqual([undefined, first, second, undefined])
    for (const part of written.parts.slice(1, 3)) {
      const copy = file.bytes.subarray(part.offset, part.offset + part.bytes + 1)
      expect(copy.toString()).toBe(`${lineOf(part.origin as PartSummary)}\n`)
    }
    expect(written.parts.map(({ bytes, origin, ...row }) => row)).toEqual(index.rows)
    const { found, bad, lost } = await read(file)
    expect({ bad, lost, keys: found.size }).toEqual({ bad: [], lost: [], keys: first.keys + second.keys + 2 })
  })

  it('makes a checkpoint consist of parts even if it is short', () => {
    const { file } = write((writer) => writer.addPart(first, lineOf(first)))
    expect(partsOf(file).parts).toHaveLength(1)
  })

  it('is refused if keys would not increase', () => {
    for (const key of [first.firstKey, 'z']) {
      expect(() =>
        write((writer) => {
          writer.add({ key, value: fromValue('', 1) })
          writer.addPart(first, lineOf(first))
        }),
      ).toThrow('out of order')
    }
    expect(() =>
      write((writer) => {
        writer.addPart(second, lineOf(second))
        writer.addPart(first, lineOf(first))
      }),
    ).toThrow('out of order')
  })

  it('is copied unless it is short or the part before it would be', () => {
    write((writer) => {
      expect([0, PART_BYTES / 2 - 1, PART_BYTES / 2, PART_BYTES * 3].map((bytes) => writer.takesPart(bytes))).toEqual([
        false,
        false,
        true,
        true,
      ])
      writer.add({ key: 'a', value: fromValue('', 'x'.repeat(PART_BYTES / 4)) })
      expect(writer.takesPart(PART_BYTES)).toBe(false)
      writer.add({ key: 'b', value: fromValue('', 'x'.repeat(PART_BYTES / 4)) })
      expect(writer.takesPart(PART_BYTES)).toBe(true)
      expect(writer.takesPart(PART_BYTES / 4)).toBe(false)
      writer.addPart(first, lineOf(first))
      expect(writer.takesPart(PART_BYTES)).toBe(true)
    })
    const large = new CheckpointWriter(new MemoryFile(), {
      seq: 1,
      store: STORE,
      timestamp: TIME,
      stateBytes: MAX_PARTS * PART_BYTES * 4,
    })
    expect([PART_BYTES, PART_BYTES * 2].map((bytes) => large.takesPart(bytes))).toEqual([false, true])
  })

  it('must be longer once very long keys have made the index long', () => {
    write((writer) => {
      const copy = (number: number) => {
        const firstKey = `k${String(number).padStart(3, '0')}${'x'.repeat(65_536)}`
        writer.addPart({ ...first, firstKey }, Buffer.from('a line'))
      }
      const takes = () => [1, 2, 4].map((times) => writer.takesPart((PART_BYTES / 2) * times))
      for (let number = 0; number < 120; number++) copy(number)
      expect(takes()).toEqual([true, true, true])
      for (let number = 120; number < 140; number++) copy(number)
      expect(takes()).toEqual([false, true, true])
      for (let number = 140; number < 280; number++) copy(number)
      expect(takes()).toEqual([false, false, true])
    })
  })
})

describe('a written checkpoint', () => {
  it('is read back with any keys and values', async () => {
    const anyValue = fc.record({
      key: fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', '__proto__', '10', '9', '\ud800')),
      size: fc.constantFrom(0, 10, 500, 3000, 9000),
      expires: fc.option(fc.nat(), { nil: undefined }),
      asText: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyValue, { selector: (each) => each.key, maxLength: 25 }), async (chosen) => {
        const values = chosen
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .map(({ key, size, expires, asText }) => ({
            key,
            value: asText ? fromText('', 'é'.repeat(size)) : fromValue('', 'x'.repeat(size)),
            ...(expires !== undefined && { expires }),
          }))
        const { file, length } = writeGeneration(values)
        const { found, bad, lost, end } = await read(file)
        expect([...found.values()]).toEqual(values)
        expect({ bad, lost, end }).toEqual({ bad: [], lost: [], end: length })
      }),
      { numRuns: 60 },
    )
  })

  it('gets its header last, so that an unfinished file never looks whole', async () => {
    const whole = writeGeneration(state(40)).file
    const file = new MemoryFile()
    const states: Buffer[] = []
    const watched = new Proxy(file, {
      get(target, name) {
        if (name !== 'write') return Reflect.get(target, name)
        return (bytes: Uint8Array, position: number) => {
          states.push(Buffer.from(target.bytes))
          return target.write(bytes, position)
        }
      },
    })
    const writer = new CheckpointWriter(watched, { seq: 42, store: STORE, timestamp: TIME, stateBytes: 0 })
    for (const value of state(40)) writer.add(value)
    writer.finish()
    expect(file.bytes.equals(whole.bytes)).toBe(true)
    expect(states.length).toBeGreaterThan(1)
    for (const unfinished of states) expect((await read(new MemoryFile(unfinished))).header).toBeUndefined()
  })

  it('cannot have keys out of order, which a lookup would miss', () => {
    for (const keys of [
      ['b', 'a'],
      ['a', 'a'],
      ['9', '10'],
    ]) {
      const write = () => writeGeneration(keys.map((key) => ({ key, value: fromValue('', 1) })))
      expect(write).toThrow('out of order')
    }
  })

  it('fails with FLATLOG_NO_SPACE if the disk takes fewer bytes than it was given', () => {
    class FullFile extends MemoryFile {
      override write(bytes: Uint8Array | string, position: number): number {
        return super.write(Buffer.from(bytes as string).subarray(0, 100), position)
      }
    }
    const writer = new CheckpointWriter(new FullFile(), { seq: 1, store: STORE, timestamp: TIME, stateBytes: 0 })
    for (const value of state(40)) writer.add(value)
    expect(() => writer.finish()).toThrow(expect.objectContaining({ code: 'FLATLOG_NO_SPACE' }))
  })
})
