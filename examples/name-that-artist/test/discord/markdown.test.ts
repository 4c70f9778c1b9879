import { describe, expect, it } from 'vitest'
import { literal, oneLine } from '../../src/discord/markdown.js'

/**
 * A line as Discord shows it.
 * A backslash escapes any character that is not a letter, a digit or a space.
 */
function shown(line: string): { text: string; markup: string } {
  const escaped = /\\([^0-9A-Za-z\s])/g
  const bare = line.replace(escaped, '')
  return { text: line.replace(escaped, '$1'), markup: bare.replace(/[^\\`*_~|<>[\]():@]/g, '').replaceAll('>', '') }
}

describe('text from users', () => {
  it.each([
    '**bold** __under__ ~~gone~~ ||hidden||',
    '<@123> <@&5> <#7> </guess:1> <t:0> <:x:1>',
    '@everyone @here',
    '[click](https://example.org) https://example.org',
    '`code` ```block```',
    '\\*already\\_escaped\\',
    ':smile:',
    'Georgia O’Keeffe, 東洲斎写楽, 👩‍🎨',
  ])('is shown literally, not as Markdown: %s', (text) => {
    expect(shown(literal(text, 100))).toEqual({ text, markup: '' })
  })

  it('stays on one line and keeps the direction of the text', () => {
    expect(literal('Ada\n# big\r\n- list', 100)).toBe('Ada # big - list')
    expect(literal('\u202eadA\u2069\u0007 ', 100)).toBe('adA')
    expect(literal('\u0000\u202e', 100)).toBe('')
  })

  it('is cut, but not inside a character', () => {
    expect(oneLine('a'.repeat(40), 40)).toBe('a'.repeat(40))
    expect(oneLine('a'.repeat(41), 40)).toBe(`${'a'.repeat(39)}…`)
    expect(oneLine('🎨'.repeat(21), 40)).toBe(`${'🎨'.repeat(19)}…`)
    expect(literal('*'.repeat(500), 40)).toBe(`${'\\*'.repeat(39)}…`)
  })
})
