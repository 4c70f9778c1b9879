import { escapeSeparators } from '../format/json-text.js'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** As `oneLine`, for a text that is too long to be held and comes in pieces. */
export class OneLine {
  #isInString = false
  #isEscaped = false

  add(piece: string): string {
    let compact = ''
    let copiedTo = 0
    for (let at = 0; at < piece.length; at++) {
      const code = piece.charCodeAt(at)
      if (this.#isEscaped) this.#isEscaped = false
      else if (this.#isInString) {
        if (code === QUOTE) this.#isInString = false
        else if (code === BACKSLASH) this.#isEscaped = true
      } else if (code === QUOTE) this.#isInString = true
      else if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
        compact += piece.slice(copiedTo, at)
        copiedTo = at + 1
      }
    }
    return escapeSeparators(compact + piece.slice(copiedTo))
  }
}
