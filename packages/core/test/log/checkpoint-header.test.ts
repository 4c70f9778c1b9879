import { describe, expect, it } from 'vitest'
import { line as withCrc } from '../format/support.js'
import { type IndexLine, isInRange, type PartLine } from '../support/core.js'
import { decoded, read, recordLine, spoil, state, TIME, writeGeneration } from './generations.js'
import { MemoryFile } from './memory-file.js'

/** Reading a checkpoint whose header is damaged or from a newer version. */

const VALUES = state(40)
const whole = writeGeneration(VALUES)
const LINES = whole.file.lines
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

describe('a bad header', () => {
  it('of a checkpoint in parts: the index names the last record', async () => {
    const { found, header, lost, bad, seq, end } = await read(changed({ 0: [spoil(LINES[0]!)] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ header, lost, seq, end }).toEqual({ header: undefined, lost: [], seq: 42, end: whole.length })
    expect(bad).toEqual([{ number: 1, offset: 0, length: LINES[0]!.length + 1 }])
  })

  it('that is missing', async () => {
    const { found, header, lost, seq, end } = await read(changed({ 0: [] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ header, lost, seq }).toEqual({ header: undefined, lost: [], seq: 42 })
    expect(end).toBe(whole.length - LINES[0]!.length - 1)
  })

  it('and a bad part', async () => {
    const { found, lost } = await read(changed({ 0: [spoil(LINES[0]!)], 3: [spoil(LINES[3]!)] }))
    expect([...found.keys()]).toEqual(allBut(3))
    expectLost(lost, 3)
  })

  it('and a bad index line: the parts are read, but the last record is unknown', async () => {
    const index = LINES.length - 1
    const { found, header, seq } = await read(changed({ 0: [spoil(LINES[0]!)], [index]: [spoil(LINES[index]!)] }))
    expect([...found.keys()]).toEqual(allBut())
    expect({ header, seq }).toEqual({ header: undefined, seq: undefined })
  })

  it('that contained the state: everything is lost, and the records after it are found', async () => {
    const { file } = writeGeneration(state(2, 10))
    const { found, header, lost, bad, end, nextLine } = await read([spoil(file.lines[0]!), ...RECORDS])
    expect(found.size).toBe(0)
    expect(header).toBeUndefined()
    expect(lost).toEqual([{ from: undefined, to: undefined }])
    expect(bad).toHaveLength(1)
    expect({ end, nextLine }).toEqual({ end: file.lines[0]!.length + 1, nextLine: 2 })
  })

  it('that contained the state and is missing: the records are found', async () => {
    const { lost, end, nextLine } = await read(RECORDS)
    expect(lost).toEqual([{ from: undefined, to: undefined }])
    expect({ end, nextLine }).toEqual({ end: 0, nextLine: 1 })
  })

  it('of an empty file, zeros, or a cut line: everything is lost', async () => {
    for (const bytes of ['', '\0'.repeat(5000), LINES[0]!.slice(0, 50), LINES[0]!.slice(0, -1)]) {
      const found = await read(new MemoryFile(bytes))
      expect(found).toMatchObject({
        header: undefined,
        seq: undefined,
        parts: 0,
        lost: [{ from: undefined, to: undefined }],
      })
    }
  })

  it('that lacks only its newline is read, and the file is cut off', async () => {
    const { header, seq, lost, bad, isCutOff } = await read(new MemoryFile(LINES[0]!))
    expect({ header: header?.seq, seq, isCutOff }).toEqual({ header: 42, seq: 42, isCutOff: true })
    expect(lost).toEqual([{ from: undefined, to: undefined }])
    expect(bad).toEqual([{ number: 1, offset: 0, length: LINES[0]!.length }])
  })
})

describe('a file of a newer version', () => {
  it.each([
    ['header', 0, `{"timestamp":"${TIME}","seq":1,"op":"CHECKPOINT","format":2`],
    ['part', 2, `{"timestamp":"${TIME}","seq":1,"op":"CHECKPOINT","bloom":"x"`],
  ])('is recognized by its %s', async (_what, place, body) => {
    const { newer } = await read(changed({ [place]: [withCrc(body)] }))
    expect(newer).toMatchObject({ what: expect.any(String) })
  })

  it('is recognized by its index rows', async () => {
    const rows = (decoded(LINES.at(-1)!) as IndexLine).rows.map((row) => [row.firstKey])
    const body = `{"timestamp":"${TIME}","seq":42,"op":"CHECKPOINT","index":${JSON.stringify(rows)}`
    expect((await read(changed({ [LINES.length - 1]: [withCrc(body)] }))).newer).toBeDefined()
  })
})
