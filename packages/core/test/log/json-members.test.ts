import { describe, expect, test, vi } from 'vitest'
import { anyLog, anyMainFile } from '../legacy/random-files.js'
import {
  decodeOlderLine,
  isJson,
  type Member,
  oneLine,
  readLongLine,
  readLongValue,
  readMembers,
  Slices,
  sliceObject,
  textOf,
} from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import { withSeed } from '../support/random.js'
import { MemoryFile } from './memory-file.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { TINY_LIMITS } = await import('../legacy/tiny-limits.js')
  return { ...(await original()), ...TINY_LIMITS, MAX_READ_RECORD_BYTES: 5000 }
})

const newSlices = () => new Slices(new ManualClock(0, 1))

/** All that is yielded, with the bytes as the text that they are at that moment. */
function membersOf(bytes: Buffer | string, range?: { start: number; end: number }) {
  const file = new MemoryFile(bytes)
  const members: (Omit<Member, 'bytes'> & { text: string | undefined })[] = []
  const reached: number[] = []
  const all = readMembers(file, range ?? { start: 0, end: file.bytes.length })
  for (;;) {
    const { done, value } = all.next()
    if (done) return { isObject: value, members, reached }
    if (typeof value === 'number') reached.push(value)
    else members.push({ key: value.key, start: value.start, end: value.end, text: value.bytes?.toString('utf8') })
  }
}

describe('the members of an object in a file', () => {
  test('are those of its text, in the same order, with the bytes of those that are short', async () => {
    await withSeed(async (random) => {
      for (let round = 0; round < 300; round++) {
        const main = anyMainFile(random)
        const file = new MemoryFile(main)
        const range = textOf(file)
        const text = main.toString('utf8', range.start)
        const isText = parses(text)
        expect(await isJson(file, range, newSlices())).toBe(isText)
        const { isObject, members } = membersOf(main, range)
        expect(isObject).toBe(isText)
        if (!isObject) continue
        const expected: [string, string][] = []
        sliceObject(text, text.indexOf('{'), (key, value) => expected.push([key, value]))
        expect(members.map(({ key, start, end }) => [key, main.toString('utf8', start, end)])).toEqual(expected)
        for (const { start, end, text } of members) {
          expect(text).toBe(end - start > 96 ? undefined : main.toString('utf8', start, end))
          const pieces = [...readLongValue(file, { start, end })]
          expect(Buffer.concat(pieces).toString()).toBe(oneLine(main.toString('utf8', start, end)))
        }
      }
    })
  })

  test('may have long keys, and one that is longer than any line comes without it', () => {
    const [long, tooLong] = ['k'.repeat(4000), 'l'.repeat(5000)]
    const { isObject, members } = membersOf(`{"${long}":1,"${tooLong}" :2, "" : 3}`)
    expect(isObject).toBe(true)
    expect(members.map(({ key, text }) => [key, text])).toEqual([
      [long, '1'],
      [undefined, '2'],
      ['', '3'],
    ])
  })

  test('are read a chunk at a time, also inside one long value', () => {
    const { reached } = membersOf(`{"a":"${'x'.repeat(6400)}","b":1}`)
    expect(reached.length).toBeGreaterThan(40)
    const { reached: inSpace } = membersOf(`{"a"${' '.repeat(6400)}:1}`)
    expect(inSpace.length).toBeGreaterThan(40)
  })

  test('are none of what is no object, or ends before its range does', () => {
    for (const none of ['', '[]', '1', '"{}"', '{', '{"a":1', '{}{}', '{"a":1}x'])
      expect(membersOf(none).isObject).toBe(false)
    expect(membersOf('{"a":1}', { start: 0, end: 100 }).isObject).toBe(false)
  })
})

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('a line that is too long to be held', () => {
  test('says what it says where it is held', async () => {
    await withSeed(async (random) => {
      let good = 0
      for (let round = 0; round < 40; round++) {
        const log = anyLog(random)
        for (let start = 0, end = 0; start < log.length; start = end + 1) {
          end = log.indexOf(10, start) === -1 ? log.length : log.indexOf(10, start)
          const held = decodeOlderLine(log.subarray(start, end))
          const long = await readLongLine(new MemoryFile(log), { start, end }, newSlices())
          const text = (range: { start: number; end: number }) => log.toString('utf8', range.start, range.end)
          expect([log.toString('utf8', start, end), whatItSays(long, text)]).toEqual([
            log.toString('utf8', start, end),
            shape(held),
          ])
          if (long.kind !== 'bad') good++
        }
      }
      expect(good).toBeGreaterThan(500)
    })
  })
})

function whatItSays(
  line: Awaited<ReturnType<typeof readLongLine>>,
  text: (range: { start: number; end: number }) => string,
) {
  if (line.kind === 'bad') return 'bad'
  if (line.kind === 'delete') return ['delete', line.timestamp, line.key]
  if (line.kind === 'set') return ['set', line.timestamp, line.key, oneLine(text(line.value))]
  const pairs = new Map<string, string>()
  sliceObject(text(line.state), 0, (key, value) => pairs.set(key, oneLine(value)))
  return ['replace', line.timestamp, ...pairs]
}

function shape(line: ReturnType<typeof decodeOlderLine>) {
  if (line.kind === 'bad') return 'bad'
  if (line.kind === 'older-checkpoint')
    return ['replace', line.timestamp, ...line.state.map(([key, { text }]) => [key, text])]
  const { operation, timestamp } = line
  if (operation.kind === 'set') return ['set', timestamp, operation.key, operation.value.text]
  if (operation.kind === 'delete') return ['delete', timestamp, operation.key]
  if (operation.kind === 'replace')
    return ['replace', timestamp, ...operation.data.map(([key, { text }]) => [key, text])]
  throw new Error(operation.kind)
}
