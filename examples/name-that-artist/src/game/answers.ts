// Judges guesses. "van gogh", "Gogh", "V. van Gogh" and "VINCENT VAN GOG" are all right.

export interface Artist {
  name: string
  aliases: readonly string[]
}

export type Verdict = 'right' | 'close' | 'wrong'

// Letters that people may type without their accents, but that Unicode does not decompose into letter and accent.
const PLAIN_LETTERS: Record<string, string> = { ø: 'o', ł: 'l', đ: 'd', ð: 'd', ı: 'i', ß: 'ss', æ: 'ae', œ: 'oe' }

const PARTICLES = new Set(['van', 'von', 'der', 'den', 'de', 'da', 'di', 'du', 'del', 'della', 'la', 'le', 'el', 'the'])

/** Splits a name into words without case, accents and punctuation: "O'Keeffe" is one word, "Toulouse-Lautrec" two. */
export function wordsOf(text: string): string[] {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[øłđðıßæœ]/g, (letter) => PLAIN_LETTERS[letter] ?? letter)
    .replace(/['’‘`]/g, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}

/** Removes an epithet: "Pieter Bruegel the Elder" becomes "Pieter Bruegel". */
function withoutEpithet(words: string[]): string[] {
  return words.at(-2) === 'the' && words.length > 2 ? words.slice(0, -2) : words
}

function namesOf(artist: Artist): string[][] {
  return [artist.name, ...artist.aliases].map((name) => withoutEpithet(wordsOf(name))).filter((name) => name.length > 0)
}

/** True if the guess contains the last name, and its other words are words or initials of the name. */
function isName(guess: readonly string[], name: readonly string[]): boolean {
  const lastName = name.at(-1)
  if (lastName === undefined || !guess.includes(lastName)) return false
  return guess.every((word) => name.includes(word) || (word.length === 1 && name.some((part) => part.startsWith(word))))
}

/** The spellings to compare a guess with typos to: the full name, and the last name with and without its particles. */
function spellingsOf(artist: Artist): string[] {
  return namesOf(artist).flatMap((name) => {
    let start = name.length - 1
    const spellings = [name.join(''), name[start] ?? '']
    while (start > 0 && PARTICLES.has(name[start - 1] ?? '')) start -= 1
    spellings.push(name.slice(start).join(''))
    return spellings
  })
}

/** How many letters may be added, omitted, changed or swapped. In a name of four letters, any typo is another name. */
function allowedTypos(spelling: string): number {
  if (spelling.length < 5) return 0
  return spelling.length < 8 ? 1 : 2
}

/** The number of typos between two words. Two swapped neighbouring letters count as one. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      let typos = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1))
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwapped) typos = Math.min(typos, beforeLast[column - 2]! + 1)
      current.push(typos)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}

/** By how many typos the guess exceeds what is allowed for this artist. 0 or less: it is close enough to be right. */
function excessTypos(guess: string, artist: Artist): number {
  return Math.min(...spellingsOf(artist).map((spelling) => editDistance(guess, spelling) - allowedTypos(spelling)))
}

function fewestTypos(guess: string, artist: Artist): number {
  return Math.min(...spellingsOf(artist).map((spelling) => editDistance(guess, spelling)))
}

/**
 * Judges a guess. `others` are the other artists that the guess could mean: "Monet" is not a typo of Manet, and "Mnet",
 * which is as close to one as to the other, is neither.
 */
export function judgeGuess(guess: string, artist: Artist, others: Iterable<Artist>): Verdict {
  const words = withoutEpithet(wordsOf(guess))
  if (words.length === 0) return 'wrong'
  if (namesOf(artist).some((name) => isName(words, name))) return 'right'

  const typed = words.join('')
  const excess = excessTypos(typed, artist)
  if (excess > 1) return 'wrong'
  const typos = fewestTypos(typed, artist)
  let isAmbiguous = false
  for (const other of others) {
    if (other.name === artist.name) continue
    if (namesOf(other).some((name) => isName(words, name))) return 'wrong'
    if (fewestTypos(typed, other) <= typos) isAmbiguous = true
  }
  return excess <= 0 && !isAmbiguous ? 'right' : typed.length < 4 ? 'wrong' : 'close'
}
