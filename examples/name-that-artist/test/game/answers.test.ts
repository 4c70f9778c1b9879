import { describe, expect, it } from 'vitest'
import collection from '../../src/data/artworks.json'
import { editDistance, judgeGuess, wordsOf } from '../../src/game/answers.js'
import { artistsOf } from '../../src/game/artwork.js'

const artists = artistsOf(collection)

function judge(guess: string, name: string): string {
  const artist = artists.get(name)
  if (!artist) throw new Error(`${name} is not in the collection`)
  return judgeGuess(guess, artist, artists.values())
}

describe('the right artist', () => {
  it.each([
    ['Vincent van Gogh', 'Vincent van Gogh'],
    ['van Gogh', 'Vincent van Gogh'],
    ['gogh', 'Vincent van Gogh'],
    ['VAN GOGH!!', 'Vincent van Gogh'],
    ['V. van Gogh', 'Vincent van Gogh'],
    ['Gogh, Vincent van', 'Vincent van Gogh'],
    ['vincent gogh', 'Vincent van Gogh'],
    ['  van   gogh ', 'Vincent van Gogh'],
    ['cezanne', 'Paul Cézanne'],
    ['CÉZANNE', 'Paul Cézanne'],
    ['Ce\u0301zanne', 'Paul Cézanne'],
    ['Durer', 'Albrecht Dürer'],
    ['duerer', 'Albrecht Dürer'],
    ['okeeffe', "Georgia O'Keeffe"],
    ['O’Keeffe', "Georgia O'Keeffe"],
    ['toulouse lautrec', 'Henri de Toulouse-Lautrec'],
    ['Lautrec', 'Henri de Toulouse-Lautrec'],
    ['da vinci', 'Leonardo da Vinci'],
    ['leonardo', 'Leonardo da Vinci'],
    ['rembrandt', 'Rembrandt van Rijn'],
    ['Bruegel', 'Pieter Bruegel the Elder'],
    ['Pieter Bruegel the Elder', 'Pieter Bruegel the Elder'],
    ['Brueghel', 'Pieter Bruegel the Elder'],
    ['Goya', 'Francisco de Goya'],
    ['de Goya', 'Francisco de Goya'],
    ['William Turner', 'J. M. W. Turner'],
    ['J.M.W. Turner', 'J. M. W. Turner'],
    ['greco', 'El Greco'],
  ])('%s is %s', (guess, name) => {
    expect(judge(guess, name)).toBe('right')
  })

  it.each([
    ['van Gohg', 'Vincent van Gogh'],
    ['vincent van gog', 'Vincent van Gogh'],
    ['Velasquez', 'Diego Velázquez'],
    ['Michaelangelo', 'Michelangelo'],
    ['Boticelli', 'Sandro Botticelli'],
    ['carravagio', 'Caravaggio'],
    ['picaso', 'Pablo Picasso'],
    ['Kandinski', 'Wassily Kandinsky'],
  ])('%s, with typos, is %s', (guess, name) => {
    expect(judge(guess, name)).toBe('right')
  })
})

describe('another artist', () => {
  it.each([
    ['Monet', 'Édouard Manet'],
    ['Manet', 'Claude Monet'],
    ['Claude Monet', 'Édouard Manet'],
    ['Millet', 'John Everett Millais'],
    ['Vincent', 'Vincent van Gogh'],
    ['van', 'Vincent van Gogh'],
    ['v', 'Vincent van Gogh'],
    ['Theo van Gogh', 'Vincent van Gogh'],
    ['Michelangelo', 'Caravaggio'],
    ['van Eyck', 'Vincent van Gogh'],
    ['dal', 'Salvador Dalí'],
    ['', 'Salvador Dalí'],
    ['???', 'Salvador Dalí'],
  ])('%s is not %s', (guess, name) => {
    expect(judge(guess, name)).not.toBe('right')
  })

  it('is not guessed by a typo that is as close to a third artist', () => {
    expect(judge('Mnet', 'Édouard Manet')).toBe('close')
    expect(judge('Mnet', 'Claude Monet')).toBe('close')
    expect(judge('Manett', 'Édouard Manet')).toBe('right')
  })

  it('is close or wrong, depending on the number of typos', () => {
    expect(judge('Pikaso', 'Pablo Picasso')).toBe('close')
    expect(judge('Rembrandt', 'Pablo Picasso')).toBe('wrong')
  })

  it('is never right, for every pair of artists in the collection', () => {
    for (const asked of artists.values()) {
      for (const named of artists.values()) {
        const verdict = judgeGuess(named.name, asked, artists.values())
        expect(verdict === 'right', `${named.name} for ${asked.name}`).toBe(named.name === asked.name)
      }
    }
  })
})

describe('the parts of the comparison', () => {
  it('split names into plain words', () => {
    expect(wordsOf("Georgia O'Keeffe")).toEqual(['georgia', 'okeeffe'])
    expect(wordsOf('Jean-Honoré  Fragonard')).toEqual(['jean', 'honore', 'fragonard'])
    expect(wordsOf('Søren Łukasz Groß')).toEqual(['soren', 'lukasz', 'gross'])
    expect(wordsOf('葛飾 北斎')).toEqual(['葛飾', '北斎'])
  })

  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['gogh', 'gohg', 1],
    ['monet', 'manet', 1],
    ['kitten', 'sitting', 3],
  ])('count the typos between "%s" and "%s"', (a, b, typos) => {
    expect(editDistance(a, b)).toBe(typos)
    expect(editDistance(b, a)).toBe(typos)
  })
})
