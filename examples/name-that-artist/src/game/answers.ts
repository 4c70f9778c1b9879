// Is this guess the artist? People write "van gogh", "Gogh", "V. van Gogh", "VINCENT VAN GOG": all of them know.

export interface Artist {
  name: string
  aliases: readonly string[]
}

export type Verdict = 'right' | 'close' | 'wrong'

// Letters that Unicode does not take apart into a letter and an accent, though people type them without.
const PLAIN_LETTERS: Record<string, string> = { ø: 'o', ł: 'l', đ: 'd', ð: 'd', ı: 'i', ß: 'ss', æ: 'ae', œ: 'oe' }

const PARTICLES = new Set(['van', 'von', 'der', 'den', 'de', 'da', 'di', 'du', 'del', 'della', 'la', 'le', 'el', 'the'])

/** The words of a name without case, accents and punctuation: "O'Keeffe" is one word, "Toulouse-Lautrec" two. */
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

/** "Pieter Bruegel the Elder" is asked for as "Pieter Bruegel". */
function withoutEpithet(words: string[]): string[] {
  return words.at(-2) === 'the' && words.length > 2 ? words.slice(0, -2) : words
}

function namesOf(artist: Artist): string[][] {
  return [artist.name, ...artist.aliases].map((name) => withoutEpithet(wordsOf(name))).filter((name) => name.length > 0)
}

/** Every word of the guess belongs to the name, as it is or as its initial, and the last name is among them. */
function isName(guess: readonly string[], name: readonly string[]): boolean {
  const lastName = name.at(-1)
  if (lastName === undefined || !guess.includes(lastName)) return false
  return guess.every((word) => name.includes(word) || (word.length === 1 && name.some((part) => part.startsWith(word))))
}

/** What a guess with a slip of the keyboard is measured against: the whole name, and the last name with and without its particles. */
function spellingsOf(artist: Artist): string[] {
  return namesOf(artist).flatMap((name) => {
    let start = name.length - 1
    const spellings = [name.join(''), name[start] ?? '']
    while (start > 0 && PARTICLES.has(name[start - 1] ?? '')) start -= 1
    spellings.push(name.slice(start).join(''))
    return spellings
  })
}

/** How many letters may be added, lost, changed or swapped. In a name of four letters, any slip makes another name. */
function allowedTypos(spelling: string): number {
  if (spelling.length < 5) return 0
  return spelling.length < 8 ? 1 : 2
}

/** Edit distance in which two neighbouring letters that changed places count as one slip. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let slips = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) slips = Math.min(slips, beforeLast[column - 2]! + 1)
      current.push(slips)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}

/** The fewest slips beyond which the guess would be this artist; 0 or less is within what is allowed. */
function excessTypos(guess: string, artist: Artist): number {
  return Math.min(...spellingsOf(artist).map((spelling) => editDistance(guess, spelling) - allowedTypos(spelling)))
}

function fewestTypos(guess: string, artist: Artist): number {
  return Math.min(...spellingsOf(artist).map((spelling) => editDistance(guess, spelling)))
}

/**
 * Judges a guess. `others` are the artists that it must not be taken from: "Monet" is Monet and no slip for Manet,
 * and "Mnet", which is as near to one as to the other, is neither.
 */
export function judgeGuess(guess: string, artist: Artist, others: Iterable<Artist>): Verdict {
  const words = withoutEpithet(wordsOf(guess))
  if (words.length === 0) return 'wrong'
  if (namesOf(artist).some((name) => isName(words, name))) return 'right'

  const typed = words.join('')
  const tooMany = excessTypos(typed, artist)
  if (tooMany > 1) return 'wrong'
  const slips = fewestTypos(typed, artist)
  let ambiguous = false
  for (const other of others) {
    if (other.name === artist.name) continue
    if (namesOf(other).some((name) => isName(words, name))) return 'wrong'
    if (fewestTypos(typed, other) <= slips) ambiguous = true
  }
  return tooMany <= 0 && !ambiguous ? 'right' : typed.length < 4 ? 'wrong' : 'close'
}
