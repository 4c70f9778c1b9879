import { describe, expect, it } from 'vitest'
import { indexLine } from '../format/support.js'
import {
  encodeHeader,
  encodePart,
  fromValue,
  isInRange,
  type PartLine,
  readPartState,
  spellPair,
  withChecksum,
} from '../support/core.js'
import { decoded, partsIn, read, recordLine, STORE, spoil, state, TIME, writeGeneration } from './generations.js'
import { MemoryFile } from './memory-file.js'

/** Reading a checkpoint with damaged parts or index: the found state and the lost keys. */

const VALUES = state(40)
const whole = writeGeneration(VALUES)
const LINES = whole.file.lines
const PARTS = LINES.length - 2
const RECORDS = [recordLine(43, 42), recordLine(44)]

/** The keys of the part in a line; line 0 is the header. */
function keysOf(place: number): string[] {
  return (decoded(LINES[place]!) as PartLine).state.map((pair) => pair.key)
}

function allBut(...places: number[]): string[] {
  const gone = new Set(places.flatMap(keysOf))
  return VALUES.map((pair) => pair.key).filter((key) => !gone.has(key))
}

function changed(places: Record<number, string[]>): string[] {
  return [...LINES, ...RECORDS].flatMap((line, place) => places[place] ?? [line])
}

/** Expects the lost ranges to cover all keys of these parts and no others. */
function expectLost(lost: readonly { from: string | undefined; to: string | undefined }[], ...places: number[]): void {
  const inRanges = VALUES.map((pair) => pair.key).filter((key) => lost.some((range) => isInRange(key, range)))
  expect(inRanges).toEqual(places.flatMap(keysOf))
}

describe('a whole checkpoint', () => {
  it('in parts ends where the records begin', async () => {
    const found = await read([...LINES, ...RECORDS])
    expect([...found.found.keys()]).toEqual(VALUES.map((pair) => pair.key))
    expect(found).toMatchObject({
      seq: 42,
      end: whole.length,
      nextLine: LINES.length + 1,
      timestamp: TIME,
      bad: [],
      lost: [],
    })
    expect(found).toMatchObject({
      parts: PARTS,
      header: { indexAt: whole.length - LINES.at(-1)!.length - 1 },
    })
  })

  it('in parts without records ends with the file', async () => {
    expect(await read(LINES)).toMatchObject({
      seq: 42,
      end: whole.length,
      nextLine: LINES.length + 1,
      bad: [],
      lost: [],
    })
  })

  it('in the header is only the first line', async () => {
    const { file, length } = writeGeneration(state(2, 10))
    const found = await read([...file.lines, ...RECORDS])
    expect(found).toMatchObject({ seq: 42, end: length, nextLine: 2, parts: 0, bad: [], lost: [] })
    expect([...found.found.keys()]).toEqual(['k000', 'k001'])
  })

  it('does not contain the torn tail after it', async () => {
    for (const tail of ['garbage', '', '\0'.repeat(100), spoil(RECORDS[0]!)]) {
      const found = await read([...LINES, tail])
      expect(found).toMatchObject({ seq: 42, end: whole.length, bad: [], lost: [] })
    }
  })
})

describe('a bad part', () => {
  it.each([1, 2, PARTS - 1, PARTS])('in line %i loses its keys and no others', async (place) => {
    const bytes = LINES[place]!.length + 1
    const offset = LINES.slice(0, place).reduce((sum, line) => sum + line.length + 1, 0)
    const { found, bad, lost, end, seq } = await read(changed({ [place]: [spoil(LINES[place]!)] }))
    expect([...found.keys()]).toEqual(allBut(place))
    expect(bad).toEqual([{ number: place + 1, offset, length: bytes }])
    expectLost(lost, place)
    expect({ end, seq }).toEqual({ end: whole.length, seq: 42 })
  })

  it('and another bad one lose their keys', async () => {
    const { found, bad, lost } = await read(changed({ 2: [spoil(LINES[2]!)], 4: [spoil(LINES[4]!)] }))
    expect([...found.keys()]).toEqual(allBut(2, 4))
    expect(bad.map((line) => line.number)).toEqual([3, 5])
    expectLost(lost, 2, 4)
  })

  it('that is missing is known from the index', async () => {
    const { found, lost, end, nextLine } = await read(changed({ 2: [] }))
    expect([...found.keys()]).toEqual(allBut(2))
    expectLost(lost, 2)
    expect({ end, nextLine }).toEqual({ end: whole.length - LINES[2]!.length - 1, nextLine: LINES.length })
  })

  it('without its newline also makes the next line bad', async () => {
    const { found, lost } = await read(changed({ 2: [LINES[2]! + LINES[3]!], 3: [] }))
    expect([...found.keys()]).toEqual(allBut(2, 3))
    expectLost(lost, 2, 3)
  })

  it('in every line loses everything', async () => {
    const spoilt = Object.fromEntries(LINES.slice(1, -1).map((line, index) => [index + 1, [spoil(line)]]))
    const { found, lost, bad, seq } = await read(changed(spoilt))
    expect(found.size).toBe(0)
    expect(bad).toHaveLength(PARTS)
    expect(seq).toBe(42)
    expectLost(lost, ...LINES.slice(1, -1).map((_, index) => index + 1))
  })

  it('replaced by a part of another checkpoint loses its keys, and the foreign part does not count', async () => {
    const foreign = writeGeneration([{ key: 'k005', value: fromValue('', 'old') }, ...state(10, 1000, 'zz')], {
      seq: 7,
    })
    const { found, lost } = await read(changed({ 1: [foreign.file.lines[1]!] }))
    expect([...found.keys()]).toEqual(allBut(1))
    expectLost(lost, 1)
  })

  it('of another checkpoint among the others is bad and does not count', async () => {
    const foreign = writeGeneration([{ key: 'k005', value: fromValue('', 'old') }, ...state(10, 1000, 'zz')], {
      seq: 7,
    })
    const { found, lost, bad } = await read(changed({ 3: [LINES[3]!, foreign.file.lines[1]!] }))
    expect([...found.keys()]).toEqual(allBut())
    expect(found.get('k005')?.value.text).not.toBe('"old"')
    expect({ lost, bad: bad.map((line) => line.number) }).toEqual({ lost: [], bad: [5] })
  })

  it('that is doubled counts once, and the second is reported', async () => {
    const { found, lost, bad } = await read(changed({ 2: [LINES[2]!, LINES[2]!] }))
    expect([...found.keys()]).toEqual(allBut())
    expect(lost).toEqual([])
    expect(bad.map((line) => line.number)).toEqual([4])
  })

  it('swapped with another loses nothing, but is reported', async () => {
    const { found, lost, bad } = await read(changed({ 2: [LINES[3]!], 3: [LINES[2]!] }))
    expect([...found.keys()].sort()).toEqual(allBut())
    expect(lost).toEqual([])
    expect(bad.length).toBeGreaterThan(0)
  })

  it('swapped with another is found where it is now, in key order', async () => {
    const file = new MemoryFile(`${changed({ 2: [LINES[3]!], 3: [LINES[2]!] }).join('\n')}\n`)
    const { ownParts } = await read(file)
    expect(partsIn(ownParts).map(({ firstKey }) => firstKey)).toEqual(
      LINES.slice(1, -1).map((_, at) => keysOf(at + 1)[0]),
    )
    for (const [at, part] of partsIn(ownParts).entries()) {
      expect(readPartState(file, part).map(({ key }) => key)).toEqual(keysOf(at + 1))
    }
  })

  it('of another checkpoint is left out if its keys are in another part and there is no index', async () => {
    const foreign = writeGeneration([{ key: 'k005', value: fromValue('', 'old') }, ...state(10, 1000, 'zz')], {
      seq: 7,
    })
    const { ownParts, found } = await read(changed({ 3: [LINES[3]!, foreign.file.lines[1]!], [LINES.length - 1]: [] }))
    expect(partsIn(ownParts).map(({ firstKey }) => firstKey)).toEqual(
      LINES.slice(1, -1).map((_, at) => keysOf(at + 1)[0]),
    )
    expect([...found.keys()]).toEqual(allBut())
  })

  it('that has changed when it is read again is an error', async () => {
    const file = new MemoryFile(whole.file.bytes)
    const [part] = partsIn((await read(file)).ownParts)
    expect(readPartState(file, part!).map(({ key }) => key)).toEqual(keysOf(1))
    file.bytes[part!.offset + 100]! ^= 1
    expect(() => readPartState(file, part!)).toThrow('changed while it was being read')
  })
})

describe('garbage', () => {
  it('between parts loses nothing, but is reported', async () => {
    const { found, lost, bad, end } = await read(changed({ 2: [LINES[2]!, 'garbage'] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ lost, numbers: bad.map((line) => line.number) }).toEqual({ lost: [], numbers: [4] })
    expect(end).toBe(whole.length + 'garbage\n'.length)
  })

  it('before a header that contains the state loses nothing, but is reported', async () => {
    const { file } = writeGeneration(state(2, 10))
    const { found, lost, bad, seq } = await read(['garbage', ...file.lines, ...RECORDS])
    expect([...found.keys()]).toEqual(['k000', 'k001'])
    expect({ lost, seq, numbers: bad.map((line) => line.number) }).toEqual({ lost: [], seq: 42, numbers: [1] })
  })

  it('before everything loses nothing, but is reported', async () => {
    const { found, lost, bad, seq } = await read(changed({ 0: ['garbage', LINES[0]!] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ lost, seq }).toEqual({ lost: [], seq: 42 })
    expect(bad.map((line) => line.number)).toContain(1)
  })
})

describe('a bad index line', () => {
  const index = LINES.length - 1

  it('is not needed if all parts are whole', async () => {
    const { found, lost, bad, seq, end } = await read(changed({ [index]: [spoil(LINES[index]!)] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ lost, seq, end }).toEqual({ lost: [], seq: 42, end: whole.length })
    expect(bad.map((line) => line.number)).toEqual([index + 1])
  })

  it('and a bad part lose the keys between the neighbours of the part', async () => {
    const { found, lost } = await read(changed({ 2: [spoil(LINES[2]!)], [index]: [spoil(LINES[index]!)] }))
    expect([...found.keys()]).toEqual(allBut(2))
    expectLost(lost, 2)
    expect(lost).toHaveLength(1)
    // Unknown keys may have been on either side of those that are lost.
    expect(isInRange(`${keysOf(1).at(-1)}\0`, lost[0]!)).toBe(true)
    expect(isInRange(keysOf(1).at(-1)!, lost[0]!)).toBe(false)
    expect(isInRange(keysOf(3)[0]!, lost[0]!)).toBe(false)
  })

  it('and a bad first or last part lose its keys', async () => {
    for (const place of [1, PARTS]) {
      const { lost } = await read(changed({ [place]: [spoil(LINES[place]!)], [index]: [spoil(LINES[index]!)] }))
      expectLost(lost, place)
      expect(lost[0]![place === 1 ? 'from' : 'to']).toBeUndefined()
    }
  })

  it('and two bad parts next to each other are one range', async () => {
    const lines = changed({ 2: [spoil(LINES[2]!)], 3: [spoil(LINES[3]!)], [index]: [spoil(LINES[index]!)] })
    const { lost } = await read(lines)
    expectLost(lost, 2, 3)
    expect(lost).toHaveLength(1)
  })

  it('that is missing loses nothing: the header proves that it followed the last part', async () => {
    const { found, lost, bad, end } = await read(changed({ [index]: [] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ lost, bad }).toEqual({ lost: [], bad: [{ number: index + 1, offset: end, length: 0 }] })
    expect(end).toBe(whole.length - LINES[index]!.length - 1)
  })

  it('that is missing with the header leaves all keys after the last part in doubt', async () => {
    const { found, lost } = await read(changed({ 0: [], [index]: [] }))
    expect([...found.keys()]).toEqual(allBut())
    expect(lost).toEqual([{ from: `${keysOf(PARTS).at(-1)}\0`, to: undefined }])
  })

  it('that is missing with the last part loses its keys', async () => {
    const { found, lost } = await read(changed({ [PARTS]: [], [index]: [] }))
    expect([...found.keys()]).toEqual(allBut(PARTS))
    expectLost(lost, PARTS)
  })

  it('that is doubled does not hide the records after it', async () => {
    const { found, lost, end } = await read(changed({ [index]: [LINES[index]!, LINES[index]!] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ lost, end }).toEqual({ lost: [], end: whole.length + LINES[index]!.length + 1 })
  })
})

it('two parts with the same checksum are two parts', async () => {
  // In about two of five checkpoints of 65,536 parts, two have the same. (Consecutive numbers never do.)
  const partOf = (key: string, number: number) =>
    withChecksum(encodePart(TIME, Date.parse(TIME), 42, [spellPair({ key, value: fromValue('', number * 7919) })]))
  const crcOf = (line: string) => line.slice(-10, -2)
  const numberOf = new Map<string, number>()
  for (let number = 0; number < 100_000; number++) numberOf.set(crcOf(partOf('a', number)), number)
  let twin = 0
  while (!numberOf.has(crcOf(partOf('b', twin)))) twin++
  const keys = ['a', 'b', 'c']
  const lines = [partOf('a', numberOf.get(crcOf(partOf('b', twin))) as number), partOf('b', twin), partOf('c', 0)]
  expect(crcOf(lines[0] as string)).toBe(crcOf(lines[1] as string))

  const header = { timestamp: TIME, seq: 42, store: STORE, state: [], compactedAt: TIME }
  let offset = encodeHeader({ ...header, indexAt: 0 }).length + 1
  const rows = lines.map((line, at) => {
    const row = { firstKey: keys[at] as string, offset, keys: 1, minExpires: null, maxExpires: null, crc: crcOf(line) }
    offset += line.length + 1
    return row
  })
  const { bad, lost, found, parts } = await read([
    encodeHeader({ ...header, indexAt: offset }),
    ...lines,
    indexLine(TIME, 42, rows),
  ])
  expect({ bad, lost, parts }).toEqual({ bad: [], lost: [], parts: 3 })
  expect([...found.keys()]).toEqual(keys)
})
