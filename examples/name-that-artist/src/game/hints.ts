// Hints. Each one reveals more: the lengths of the words, then their initials, then every other letter.

export const MAX_HINTS = 3

/** The artist's name with only the letters that hint number `level` (1 to 3) reveals. */
export function hintText(artist: string, level: number): string {
  const words = artist.split(' ').map((word) => {
    let letters = 0
    return Array.from(word.normalize('NFC'), (character) => {
      if (!/\p{L}/u.test(character)) return character
      letters += 1
      const isShown = (level >= 2 && letters === 1) || (level >= 3 && letters % 2 === 1)
      return isShown ? character : '_'
    }).join(' ')
  })
  return words.join('   ')
}
