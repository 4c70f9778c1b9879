import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { READ_CHUNK_BYTES, readLines } from '../support/core.js'
import { MemoryFile } from './memory-file.js'

interface Found {
  number: number
  offset: number
  length: number
  ended: boolean
  text: string
}

/** The lines, copied while they are valid. */
function linesOf(
  bytes: Uint8Array | string,
  ...rest: [start?: number, firstNumber?: number, end?: number, max?: number]
) {
  const found: Found[] = []
  for (const { number, offset, length, ended, bytes: line } of readLines(new MemoryFile(bytes), ...rest)) {
    found.push({ number, offset, length, ended, text: line.toString('latin1') })
  }
  return found
}

/** What the lines should be, by cutting the whole text at its newline bytes. */
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

  it('a last line without its newline says so', () => {
    expect(linesOf('a\nbc')).toMatchObject([
      { ended: true, length: 2 },
      { ended: false, length: 2, text: 'bc' },
    ])
    expect(linesOf('a\nbc\n')).toMatchObject([{ ended: true }, { ended: true, text: 'bc', length: 3 }])
  })

  it('there are none in an empty file', () => {
    expect(linesOf('')).toEqual([])
  })

  it('bytes that are no UTF-8 pass as they are', () => {
    expect(linesOf(Buffer.from([0xff, 0xc3, 0x0a, 0x80, 0x0a]))).toMatchObject([{ text: '\xff\xc3' }, { text: '\x80' }])
  })

  it('any bytes', () => {
    const anyBytes = fc.array(fc.constantFrom(0x0a, 0x0a, 0x0d, 0x00, 0x61, 0xe2, 0x80, 0xa8), { maxLength: 200 })
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(linesOf(Buffer.from(bytes))).toEqual(expected(Buffer.from(bytes)))
      }),
      { numRuns: 500 },
    )
  })
})

describe('chunks', () => {
  it('a line across the border of two, wherever its end falls near it', () => {
    for (let at = READ_CHUNK_BYTES - 6; at <= READ_CHUNK_BYTES + 6; at++) {
      // A character of three bytes stands across the border too.
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

  it('a line over many of them', () => {
    const bytes = Buffer.alloc(READ_CHUNK_BYTES * 3 + 5)
    for (let at = 0; at < bytes.length; at++) bytes[at] = 0x20 + (at % 91)
    const file = Buffer.concat([Buffer.from('first\n'), bytes, Buffer.from('\nlast\n')])
    const [first, long, last] = linesOf(file)
    expect([first?.text, last?.text]).toEqual(['first', 'last'])
    expect(Buffer.from(long!.text, 'latin1').equals(bytes)).toBe(true)
    expect(last).toMatchObject({ number: 3, offset: file.length - 5 })
  })

  it('a file that is exactly as long as they are', () => {
    for (const end of ['x', '\n']) {
      const bytes = Buffer.alloc(READ_CHUNK_BYTES * 2, 'x')
      bytes.write(end, bytes.length - 1)
      expect(linesOf(bytes)).toMatchObject([{ length: bytes.length, ended: end === '\n' }])
    }
  })
})

describe('part of a file', () => {
  const text = 'one\ntwo\nthree\nfour'

  it('from an offset on, with the numbers that were given', () => {
    expect(linesOf(text, 4, 2)).toEqual(expected(Buffer.from(text)).slice(1))
  })

  it('up to an end, whatever lies behind it', () => {
    expect(linesOf(text, 0, 1, 8).map((line) => line.text)).toEqual(['one', 'two'])
    expect(linesOf(text, 0, 1, 6)).toMatchObject([{ text: 'one' }, { text: 'tw', ended: false }])
  })

  it('nothing from behind the end', () => {
    expect(linesOf(text, 1000)).toEqual([])
  })
})

describe('a line that is longer than may be read', () => {
  it('is walked over: it comes with its length and no bytes, and what follows it is read', () => {
    const lines = linesOf(`a\n${'x'.repeat(100)}\nb\n`, 0, 1, undefined, 50)
    expect(lines).toEqual([
      { number: 1, offset: 0, length: 2, ended: true, text: 'a' },
      { number: 2, offset: 2, length: 101, ended: true, text: '' },
      { number: 3, offset: 103, length: 2, ended: true, text: 'b' },
    ])
  })

  it('the limit is on the line with its newline', () => {
    expect(linesOf('12345\n123456\n', 0, 1, undefined, 6)).toMatchObject([{ text: '12345' }, { text: '', length: 7 }])
  })

  it('without an end, and over many chunks, takes no memory of its length', () => {
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
    const lines = [...readLines(new Endless(), 0, 1, Number.POSITIVE_INFINITY, READ_CHUNK_BYTES)]
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
