import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { line } from '../format/support.js'
import { LineBuffer } from '../support/core.js'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
  fc.string(),
  fc.integer({ min: 0, max: 5000 }).map((length) => 'é'.repeat(length)),
)
const anyStep = fc.record({ do: fc.constantFrom('text' as const, 'text' as const, 'line' as const), text: anyText })

describe('a buffer of lines', () => {
  it('contains the lines with their checksums, and has the end of the last one', () => {
    fc.assert(
      fc.property(fc.array(anyStep), fc.integer({ min: 1, max: 4096 }), (steps, initialBytes) => {
        const lines = new LineBuffer(initialBytes)
        let expected = ''
        for (const step of steps) {
          const written = step.do === 'text' ? line(step.text) : step.text
          const before = Buffer.byteLength(expected)
          expected += `${written}\n`
          const bytes = step.do === 'text' ? lines.addText(step.text) : lines.addLine(Buffer.from(step.text))
          expect(bytes).toBe(Buffer.byteLength(written) + 1)
          if (step.do === 'line') continue
          expect(lines.textEnd).toBe(before + Buffer.byteLength(step.text))
          expect(lines.crc).toBe(written.slice(-10, -2))
          expect(lines.isAscii).toBe(Buffer.byteLength(step.text) === step.text.length)
        }
        expect(lines.bytes.toString()).toBe(expected)
        lines.clear()
        expect(lines.bytes).toHaveLength(0)
      }),
      { numRuns: 200 },
    )
  })

  it('is not reused if it has become long', () => {
    const lines = new LineBuffer(16)
    lines.addText('x'.repeat(4 * 1024 * 1024))
    const { buffer } = lines.bytes
    lines.clear()
    expect(lines.bytes.buffer).not.toBe(buffer)
    lines.addText('short')
    expect(lines.bytes.toString()).toBe(`${line('short')}\n`)
  })
})
