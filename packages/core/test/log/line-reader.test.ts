import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LinesOptions, READ_CHUNK_BYTES, readLines } from '../support/core.js'
import { MemoryFile } from './memory-file.js'

interface Found {
  number: number
  offset: number
  length: number
  ended: boolean
  text: string
}

/** Reads the lines and copies them while they are valid. */
function linesOf(bytes: Uint8Array | string, options?: LinesOptions) {
  const found: Found[] = []
  for (const { number, offset, length, ended, bytes: line } of readLines(new MemoryFile(bytes), options)) {
    found.push({ number, offset, length, ended, text: line.toString('latin1') })
  }
  return found
}

/** The expected lines, from splitting the whole text at its newline bytes. */
function expected(bytes: Buffer): Found[] {
  const pieces = bytes.toString('latin1').split('\n')
  const last = pieces.pop() as string
  let offset = 0
  const lines = pieces.map((text, index) => {
    const found = { number: index + 1, offset, length: text.length + 1, ended: true, text }
    offset += found.length
    return found
  })
  if (last !== '') lines.push({ number: lines.length + 1, offset, length: last.length, ended: false, text: last })
  return lines
}

describe('lines', () => {
  it('end at the newline byte and nowhere else', () => {
    const text = 'a\rb\0c\u2028d\u2029e\u0085f\vg\fh\r\n\n\r\n\u{1f600}\nlast'
    const bytes = Buffer.from(text)
    expect(linesOf(bytes)).toEqual(expected(bytes))
    expect(linesOf(bytes).map((line) => Buffer.from(line.text, 'latin1').toString())).toEqual([
      'a\rb\0c\u2028d\u2029e\u0085f\vg\fh\r',
      '',
      '\r',
      '\u{1f600}',
      'last',
    ])
  })

  it('may lack the newline in the last one', () => {
    expect(linesOf('a\nbc')).toMatchObject([
      { ended: true, length: 2 },
      { ended: false, length: 2, text: 'bc' },
    ])
    expect(linesOf('a\nbc\n')).toMatchObject([{ ended: true }, { ended: true, text: 'bc', length: 3 }])
  })

  it('do not exist in an empty file', () => {
    expect(linesOf('')).toEqual([])
  })

  it('may contain bytes that are not UTF-8', () => {
    expect(linesOf(Buffer.from([0xff, 0xc3, 0x0a, 0x80, 0x0a]))).toMatchObject([{ text: '\xff\xc3' }, { text: '\x80' }])
  })

  it('may contain any bytes', () => {
    const anyBytes = fc.array(fc.constantFrom(0x0a, 0x0a, 0x0d, 0x00, 0x61, 0xe2, 0x80, 0xa8), { maxLength: 200 })
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(linesOf(Buffer.from(bytes))).toEqual(expected(Buffer.from(bytes)))
      }),
      { numRuns: 500 },
    )
  })
})

describe('a line', () => {
  it('is read if it ends anywhere near the end of a chunk', () => {
    for (let at = READ_CHUNK_BYTES - 6; at <= READ_CHUNK_BYTES + 6; at++) {
      // A character of three bytes crosses that end, too.
      const bytes = Buffer.alloc(READ_CHUNK_BYTES * 2 + 20, '€')
      bytes[10] = 0x0a
      bytes[at] = 0x0a
      bytes[at + 1] = 0x0a
      bytes[bytes.length - 3] = 0x0a
      if (Buffer.compare(bytesOf(linesOf(bytes)), bytes) !== 0) expect.fail(`with a line that ends at ${at}`)
      expect(linesOf(bytes).map(({ offset, length, ended }) => [offset, length, ended])).toEqual([
        [0, 11, true],
        [11, at - 10, true],
        [at + 1, 1, true],
        [at + 2, bytes.length - 3 - at - 1, true],
        [bytes.length - 2, 2, false],
      ])
    }
  })

  it('is read if it is longer than many chunks', () => {
    const bytes = Buffer.alloc(READ_CHUNK_BYTES * 3 + 5)
    for (let at = 0; at < bytes.length; at++) bytes[at] = 0x20 + (at % 91)
    const file = Buffer.concat([Buffer.from('first\n'), bytes, Buffer.from('\nlast\n')])
    const [first, long, last] = linesOf(file)
    expect([first?.text, last?.text]).toEqual(['first', 'last'])
    expect(Buffer.from(long!.text, 'latin1').equals(bytes)).toBe(true)
    expect(last).toMatchObject({ number: 3, offset: file.length - 5 })
  })

  it('is read if it ends with the chunk and the file', () => {
    for (const end of ['x', '\n']) {
      const bytes = Buffer.alloc(READ_CHUNK_BYTES * 2, 'x')
      bytes.write(end, bytes.length - 1)
      expect(linesOf(bytes)).toMatchObject([{ length: bytes.length, ended: end === '\n' }])
    }
  })
})

describe('reading a part of a file', () => {
  const text = 'one\ntwo\nthree\nfour'

  it('begins at an offset and with a line number', () => {
    expect(linesOf(text, { start: 4, firstNumber: 2 })).toEqual(expected(Buffer.from(text)).slice(1))
  })

  it('stops at an end, even inside a line', () => {
    expect(linesOf(text, { end: 8 }).map((line) => line.text)).toEqual(['one', 'two'])
    expect(linesOf(text, { end: 6 })).toMatchObject([{ text: 'one' }, { text: 'tw', ended: false }])
  })

  it('finds nothing after the end of the file', () => {
    expect(linesOf(text, { start: 1000 })).toEqual([])
  })
})

describe('a line over the limit', () => {
  it('has its length but no bytes, and the lines after it are read', () => {
    const lines = linesOf(`a\n${'x'.repeat(100)}\nb\n`, { maxLineBytes: 50 })
    expect(lines).toEqual([
      { number: 1, offset: 0, length: 2, ended: true, text: 'a' },
      { number: 2, offset: 2, length: 101, ended: true, text: '' },
      { number: 3, offset: 103, length: 2, ended: true, text: 'b' },
    ])
  })

  it('is longer than the limit with its newline', () => {
    expect(linesOf('12345\n123456\n', { maxLineBytes: 6 })).toMatchObject([{ text: '12345' }, { text: '', length: 7 }])
  })

  it('takes little memory, also without an end', () => {
    const length = READ_CHUNK_BYTES * 40
    let read = 0
    class Endless extends MemoryFile {
      override read(into: Uint8Array, position: number): number {
        const filled = Math.max(0, Math.min(into.length, length - position))
        into.fill(0x78, 0, filled)
        read += filled
        return filled
      }
    }
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    const lines = [...readLines(new Endless(), { maxLineBytes: READ_CHUNK_BYTES })]
    peak = process.memoryUsage().arrayBuffers
    expect(lines).toMatchObject([{ offset: 0, length, ended: false }])
    expect(lines[0]?.bytes.length).toBe(0)
    expect(read).toBe(length)
    expect(peak - before).toBeLessThan(READ_CHUNK_BYTES * 8)
  })
})

function bytesOf(lines: Found[]): Buffer {
  return Buffer.from(lines.map((line) => line.text + (line.ended ? '\n' : '')).join(''), 'latin1')
}
