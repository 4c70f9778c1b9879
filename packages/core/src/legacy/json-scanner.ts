/**
 * Walks over the bytes of one JSON text, in as many pieces as they come, and says whether it is one: it takes exactly
 * what `JSON.parse` takes of the bytes' UTF-8 text. Of an object it also says where its keys and values stand. It holds
 * none of the bytes, so it can walk over texts that are longer than any string.
 */

/** What is expected next, or stands at the place that was reached. */
const VALUE = 0
const VALUE_OR_END = 1
const KEY_OR_END = 2
const KEY = 3
const COLON = 4
const BEHIND_VALUE = 5
const STRING = 6
const ESCAPE = 7
const HEX = 8
const WORD = 9
const BAD = 10
/** Inside a number; from here on all are. */
const MINUS = 11
const ZERO = 12
const DIGITS = 13
const POINT = 14
const FRACTION = 15
const EXPONENT = 16
const SIGN = 17
const POWER = 18

const QUOTE = 0x22
const BACKSLASH = 0x5c

function classOf(isMember: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (isMember(byte) ? 1 : 0))
}

/** What a string may hold without an escape. Bytes that are no UTF-8 become U+FFFD there, which it may hold too. */
const PLAIN = classOf((byte) => byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH)
const SPACE = classOf((byte) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)
const ESCAPED = classOf((byte) => '"\\/bfnrt'.includes(String.fromCharCode(byte)))
const HEX_DIGIT = classOf((byte) => /[0-9a-fA-F]/.test(String.fromCharCode(byte)))
const WORDS: Readonly<Record<string, Buffer>> = {
  t: Buffer.from('true'),
  f: Buffer.from('false'),
  n: Buffer.from('null'),
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Where a number may end. */
function isWholeNumber(state: number): boolean {
  return state === ZERO || state === DIGITS || state === FRACTION || state === POWER
}

/** How a number goes on; -1 where it has ended before the byte. */
function nextInNumber(state: number, byte: number): number {
  const isExponent = byte === 0x65 || byte === 0x45
  switch (state) {
    case MINUS:
      return byte === 0x30 ? ZERO : isDigit(byte) ? DIGITS : BAD
    case POINT:
      return isDigit(byte) ? FRACTION : BAD
    case EXPONENT:
      return byte === 0x2b || byte === 0x2d ? SIGN : isDigit(byte) ? POWER : BAD
    case SIGN:
      return isDigit(byte) ? POWER : BAD
    case POWER:
      return isDigit(byte) ? POWER : -1
    default:
      if (isDigit(byte)) return state === ZERO ? BAD : state
      if (isExponent) return EXPONENT
      return byte === 0x2e && state !== FRACTION ? POINT : -1
  }
}

export class JsonScanner {
  /** Where the key and the value stand that it is at, of the object that is the text; -1 where they have not begun or ended. */
  keyStart = -1
  keyEnd = -1
  valueStart = -1
  valueEnd = -1
  #state = VALUE
  #isKey = false
  #hexDigits = 0
  #word: Buffer = Buffer.alloc(0)
  #wordAt = 0
  #depth = 0
  /** A bit for each object or list that is open, set for an object. */
  #nesting = new Uint8Array(8)
  #isObject = false

  get isObject(): boolean {
    return this.#isObject
  }

  /** It is no JSON, whatever follows. */
  get isBad(): boolean {
    return this.#state === BAD
  }

  /**
   * Goes on over `bytes`, which stand at `base`, from `from` to `to`. Stops behind each value of the object that is the
   * text, where `valueEnd` is set. Returns how far it came; what is bad it does not go into.
   */
  scan(bytes: Uint8Array, from: number, to: number, base: number): number {
    if (this.valueEnd !== -1) this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = -1
    let at = from
    while (at < to) {
      const byte = bytes[at] as number
      if (this.#state === STRING) {
        while (at < to && PLAIN[bytes[at] as number] === 1) at++
        if (at === to) return at
        const end = bytes[at++]
        if (end === QUOTE) this.#endString(base + at)
        else this.#state = end === BACKSLASH ? ESCAPE : BAD
      } else if (this.#state < STRING) {
        if (SPACE[byte] === 0) this.#token(byte, base + at)
        at++
      } else if (this.#state > BAD) {
        const next = nextInNumber(this.#state, byte)
        if (next === -1) this.#endValue(base + at)
        else {
          this.#state = next
          at++
        }
      } else at = this.#inside(byte, at, base)
      if (this.valueEnd !== -1 || this.#state === BAD) return at
    }
    return at
  }

  /** There is nothing more: whether it was one whole JSON text. */
  end(): boolean {
    return this.#depth === 0 && (this.#state === BEHIND_VALUE || isWholeNumber(this.#state))
  }

  /** Inside an escape or a word. */
  #inside(byte: number, at: number, base: number): number {
    switch (this.#state) {
      case ESCAPE:
        this.#hexDigits = 4
        this.#state = byte === 0x75 ? HEX : ESCAPED[byte] === 1 ? STRING : BAD
        break
      case HEX:
        if (HEX_DIGIT[byte] === 0) this.#state = BAD
        else if (--this.#hexDigits === 0) this.#state = STRING
        break
      default:
        if (byte !== this.#word[this.#wordAt++]) this.#state = BAD
        else if (this.#wordAt === this.#word.length) this.#endValue(base + at + 1)
    }
    return at + 1
  }

  /** A byte between strings, numbers and words, or the first of one. */
  #token(byte: number, place: number): void {
    switch (this.#state) {
      case KEY_OR_END:
        if (byte === 0x7d) this.#close(place)
        else this.#beginKey(byte, place)
        break
      case KEY:
        this.#beginKey(byte, place)
        break
      case COLON:
        this.#state = byte === 0x3a ? VALUE : BAD
        break
      case BEHIND_VALUE:
        this.#behindValue(byte, place)
        break
      case VALUE_OR_END:
        if (byte === 0x5d) this.#close(place)
        else this.#beginValue(byte, place)
        break
      default:
        this.#beginValue(byte, place)
    }
  }

  #beginKey(byte: number, place: number): void {
    this.#isKey = true
    this.#state = byte === QUOTE ? STRING : BAD
    if (this.#depth === 1) this.keyStart = place
  }

  #beginValue(byte: number, place: number): void {
    if (this.#depth === 1 && this.#isObject) this.valueStart = place
    if (byte === QUOTE) {
      this.#isKey = false
      this.#state = STRING
    } else if (byte === 0x7b) this.#open(true)
    else if (byte === 0x5b) this.#open(false)
    else if (isDigit(byte)) this.#state = byte === 0x30 ? ZERO : DIGITS
    else if (byte === 0x2d) this.#state = MINUS
    else this.#beginWord(byte)
  }

  #beginWord(byte: number): void {
    const word = WORDS[String.fromCharCode(byte)]
    this.#state = word ? WORD : BAD
    this.#word = word ?? this.#word
    this.#wordAt = 1
  }

  #behindValue(byte: number, place: number): void {
    if (this.#depth === 0) this.#state = BAD
    else if (byte === 0x2c) this.#state = this.#isInObject() ? KEY : VALUE
    else if (byte === (this.#isInObject() ? 0x7d : 0x5d)) this.#close(place)
    else this.#state = BAD
  }

  #endString(place: number): void {
    if (!this.#isKey) this.#endValue(place)
    else {
      this.#state = COLON
      if (this.#depth === 1) this.keyEnd = place
    }
  }

  #endValue(place: number): void {
    this.#state = BEHIND_VALUE
    if (this.#depth === 1 && this.#isObject) this.valueEnd = place
  }

  #open(isObject: boolean): void {
    const at = this.#depth >> 3
    if (at === this.#nesting.length) {
      const nesting = new Uint8Array(at * 2)
      nesting.set(this.#nesting)
      this.#nesting = nesting
    }
    const bit = 1 << (this.#depth & 7)
    this.#nesting[at] = isObject ? (this.#nesting[at] as number) | bit : (this.#nesting[at] as number) & ~bit
    if (this.#depth === 0) this.#isObject = isObject
    this.#depth++
    this.#state = isObject ? KEY_OR_END : VALUE_OR_END
  }

  #close(place: number): void {
    this.#depth--
    this.#endValue(place + 1)
  }

  #isInObject(): boolean {
    const depth = this.#depth - 1
    return (((this.#nesting[depth >> 3] as number) >> (depth & 7)) & 1) === 1
  }
}
