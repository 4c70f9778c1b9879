// Hints, each telling more than the one before: the shape of the name, its initials, every other letter.

export const MAX_HINTS = 3

/** The artist's name with only those letters shown that hint number `level` (1 to 3) tells. */
export function hintText(artist: string, level: number): string {
  const words = artist.split(' ').map((word) => {
    let letters = 0
    return Array.from(word.normalize('NFC'), (character) => {
      if (!/\p{L}/u.test(character)) return character
      letters += 1
      const shown = (level >= 2 && letters === 1) || (level >= 3 && letters % 2 === 1)
      return shown ? character : '_'
    }).join(' ')
  })
  return words.join('   ')
}
