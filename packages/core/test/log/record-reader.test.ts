import { describe, expect, it } from 'vitest'
import { recordLine } from '../format/support.js'
import {
  decodeLine,
  encodeOperation,
  fromValue,
  type LogRecord,
  type Operation,
  READ_CHUNK_BYTES,
  readTailRun,
  Slices,
  systemClock,
} from '../support/core.js'
import { TIME } from './generations.js'
import { MemoryFile } from './memory-file.js'

/** No record may be lost, doubled or misplaced at the end of a window of the reader. */

const WINDOW = 64 * 1024
const BEFORE = 'x'.repeat(1000)

const setOf = (seq: number, valueBytes: number, key = `k${seq}`): Operation => ({
  kind: 'set',
  key,
  value: fromValue('', '.'.repeat(Math.max(0, valueBytes))),
})

function lineOf(seq: number, operation: Operation): string {
  return `${recordLine(TIME, seq, seq % 3 ? seq - 1 : undefined, encodeOperation(operation))}\n`
}

async function found(text: string, afterSeq = 0) {
  const file = new MemoryFile(BEFORE + text)
  const seen: { seq: number; key: string; offset: number; value: string }[] = []
  const valueAt = (start: number, bytes: number) => file.bytes.toString('utf8', start, start + bytes)
  const start = { offset: BEFORE.length, line: 5, afterSeq }
  const run = await readTailRun(file, start, new Slices(systemClock), {
    plain({ seq, key, valueStart, valueBytes }, offset) {
      seen.push({ seq, key, offset, value: valueAt(offset + valueStart, valueBytes) })
    },
    record({ record: { seq, operation }, offset, line, valueStarts }) {
      if (operation.kind === 'set') {
        const { text } = operation.value
        const bytes = Buffer.byteLength(text)
        const [at] = valueStarts as [number]
        expect(line.toString('utf8', at, at + bytes)).toBe(text)
        seen.push({ seq, key: operation.key, offset, value: text })
      } else seen.push({ seq, key: operation.kind, offset, value: '' })
    },
  })
  return { run, seen }
}

function expected(lines: readonly string[]) {
  let offset = BEFORE.length
  return lines.map((line) => {
    const { seq, operation } = decodeLine(Buffer.from(line.slice(0, -1))) as LogRecord
    const place = { seq, offset }
    offset += Buffer.byteLength(line)
    if (operation.kind !== 'set') return { ...place, key: operation.kind, value: '' }
    return { ...place, key: operation.key, value: operation.value.text }
  })
}

async function expectAll(lines: readonly string[]) {
  const { run, seen } = await found(lines.join(''))
  expect(seen).toEqual(expected(lines))
  const last = decodeLine(Buffer.from((lines.at(-1) as string).slice(0, -1))) as LogRecord
  expect(run).toMatchObject({
    complete: true,
    lastSeq: lines.length,
    lastCrc: last.crc,
    endOffset: BEFORE.length + Buffer.byteLength(lines.join('')),
    nextLine: 5 + lines.length,
  })
}

describe('records after a checkpoint', () => {
  it.each([-2, -1, 0, 1, 2])('are read if one ends %i bytes after the end of a window', async (after) => {
    const first = lineOf(1, setOf(1, 0))
    const fill = WINDOW + after - Buffer.byteLength(first) - Buffer.byteLength(lineOf(2, setOf(2, 0)))
    await expectAll([first, lineOf(2, setOf(2, fill)), lineOf(3, setOf(3, 10)), lineOf(4, setOf(4, WINDOW))])
  })

  it('are read if one is as long as a window or longer than the largest one', async () => {
    const lengths = [WINDOW, 10, READ_CHUNK_BYTES - 200, READ_CHUNK_BYTES, 10, 3 * READ_CHUNK_BYTES, WINDOW * 2, 10]
    await expectAll(lengths.map((bytes, at) => lineOf(at + 1, setOf(at + 1, bytes))))
  })

  it('are read if some are not ASCII or not usual ones', async () => {
    const operations: Operation[] = []
    for (let seq = 1; seq <= 3000; seq++) {
      if (seq % 700 === 0) operations.push({ kind: 'clear', prefix: 'ä' })
      else if (seq % 500 === 0) operations.push({ kind: 'batch', operations: [{ kind: 'delete', key: 'a' }] })
      else operations.push(setOf(seq, seq % 90, ['a', 'ä', '"', '😀'][seq % 11] ?? `k${seq}`))
    }
    await expectAll(operations.map((operation, at) => lineOf(at + 1, operation)))
  })

  it('end before the first that is changed, missing or unfinished', async () => {
    const lines = Array.from({ length: 1000 }, (_, at) => lineOf(at + 1, setOf(at + 1, 100)))
    const before = lines.slice(0, 700)
    const changed = (lines[700] as string).replace('"op"', '"oq"')
    for (const rest of [
      [changed, ...lines.slice(701)],
      lines.slice(701),
      [lines[700]?.slice(0, -1)],
      ['\n'],
      ['\0\0'],
    ]) {
      const { run, seen } = await found([...before, ...rest].join(''))
      expect(seen).toEqual(expected(before))
      expect(run).toMatchObject({ complete: false, lastSeq: 700, nextLine: 705 })
    }
  })
})
