import { describe, expect, it } from 'vitest'
import { box, columnsOf, cut, padEnd, padStart, plain, styled, wrap } from '../../src/terminal/layout.js'

const display = { width: 20, colours: false }

describe('text in columns', () => {
  it('is measured in columns of the terminal, not in characters of the string', () => {
    expect(columnsOf('Ada')).toBe(3)
    expect(columnsOf('e\u0301')).toBe(1)
    expect(columnsOf('北斎')).toBe(4)
    expect(columnsOf('🎨')).toBe(2)
  })

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abcde…'],
    ['北斎北斎', 6, '北斎…'],
  ])('"%s" is cut to %i columns', (text, width, expected) => {
    expect(cut(text, width)).toBe(expected)
  })

  it('is padded on either side', () => {
    expect(padEnd('北', 4)).toBe('北  ')
    expect(padStart('7', 3)).toBe('  7')
  })

  it('is wrapped between words, and within a word only if it is longer than a line', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrap('an unbreakable word', 6)).toEqual(['an', 'unbrea', 'kable', 'word'])
    expect(wrap('', 6)).toEqual([''])
  })

  it('is cleaned of control characters', () => {
    expect(plain('A\u001b[2Jd\u0007a\n')).toBe('A [2Jd a ')
    expect(plain('A\u202eda')).toBe('A da')
  })
})

describe('a box', () => {
  it('has straight edges and fits into the width', () => {
    const lines = box(display, [{ text: 'The Great Wave off Kanagawa', style: 'bold' }, { text: '1831' }])
    expect(lines).toHaveLength(5)
    expect(new Set(lines.map(columnsOf)).size).toBe(1)
    expect(columnsOf(lines[0] ?? '')).toBeLessThanOrEqual(20)
  })

  it('is coloured only if the display has colours', () => {
    expect(styled(display, 'bold', 'x')).toBe('x')
    expect(styled({ ...display, colours: true }, 'bold', 'x')).toBe('\u001b[1mx\u001b[0m')
  })
})
