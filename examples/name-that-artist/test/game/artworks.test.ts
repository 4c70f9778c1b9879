import { describe, expect, it } from 'vitest'
import collection from '../../src/data/artworks.json'
import { readArtwork } from '../../src/game/artwork.js'
import { hintText } from '../../src/game/hints.js'
import { pointsFor } from '../../src/game/scoring.js'

describe('the collection', () => {
  it('has at least sixty artworks, each complete and with a unique id', () => {
    expect(collection.length).toBeGreaterThanOrEqual(60)
    expect(new Set(collection.map((artwork) => artwork.id)).size).toBe(collection.length)
    for (const artwork of collection) {
      expect(artwork.id).toMatch(/^[a-z0-9-]+$/)
      expect(artwork.year).toMatch(/^(c\. )?\d{4}(–\d{4})?$/)
      expect(artwork.style).not.toBe('')
      expect(readArtwork(artwork.id, artwork)).toEqual(artwork)
    }
  })

  it('has no title that contains the name of the artist', () => {
    for (const { title, artist } of collection) {
      expect(title.toLowerCase()).not.toContain(artist.split(' ').at(-1)?.toLowerCase())
    }
  })
})

describe('a token record', () => {
  it('is read with older field names', () => {
    const record = { name: 'Olympia', creator: 'Édouard Manet', date: 1863, genre: 'Realism', price: 7 }
    expect(readArtwork('t1', record)).toEqual({
      id: 't1',
      title: 'Olympia',
      year: '1863',
      style: 'Realism',
      artist: 'Édouard Manet',
    })
  })

  it.each([[null], ['a text'], [[]], [{}], [{ title: 'Olympia' }], [{ artist: 'Manet', title: ' ' }]])(
    'is not an artwork if it is %j',
    (record) => {
      expect(readArtwork('t1', record)).toBeUndefined()
    },
  )
})

describe('hints', () => {
  it('reveal more and more letters', () => {
    expect(hintText('Frida Kahlo', 1)).toBe('_ _ _ _ _   _ _ _ _ _')
    expect(hintText('Frida Kahlo', 2)).toBe('F _ _ _ _   K _ _ _ _')
    expect(hintText('Frida Kahlo', 3)).toBe('F _ i _ a   K _ h _ o')
  })

  it('show other characters, and count an accented letter once', () => {
    expect(hintText("O'Keeffe", 1)).toBe("_ ' _ _ _ _ _ _")
    expect(hintText('Dali\u0301', 2)).toBe('D _ _ _')
  })
})

describe('points', () => {
  it.each([
    [{ hints: 0, wrongGuesses: 0, streak: 0 }, 100],
    [{ hints: 1, wrongGuesses: 2, streak: 0 }, 60],
    [{ hints: 3, wrongGuesses: 9, streak: 0 }, 10],
    [{ hints: 0, wrongGuesses: 0, streak: 3 }, 130],
    [{ hints: 0, wrongGuesses: 0, streak: 99 }, 150],
  ])('for %j are %i', (round, points) => {
    expect(pointsFor(round)).toBe(points)
  })
})
