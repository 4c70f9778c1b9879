import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OneLine, oneLine } from '../support/core.js'

const anySpaced = fc
  .tuple(fc.json(), fc.array(fc.constantFrom(' ', '\n', '\r\n', '\t'), { minLength: 1 }))
  .map(([json, spaces]) => JSON.stringify(JSON.parse(json), null, spaces.join('')))

describe('a text on one line', () => {
  it('is the same if it comes in pieces', () => {
    const anyText = fc.oneof(
      anySpaced,
      fc.constantFrom('"\u2028 \\" \u2029"', '[ "\\\\" , " a" ]', ' 1 ', '" \\u2028"'),
    )
    fc.assert(
      fc.property(anyText, fc.nat(), fc.nat(), (text, a, b) => {
        const [first, second] = [a % (text.length + 1), b % (text.length + 1)].sort((x, y) => x - y)
        const line = new OneLine()
        const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)]
        expect(pieces.map((piece) => line.add(piece)).join('')).toBe(oneLine(text))
      }),
      { numRuns: 2000 },
    )
  })
})
