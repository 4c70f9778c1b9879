// How things look in a terminal: width, colours, tables. Names come from people, so nothing of theirs may steer it.

export interface Display {
  width: number
  colours: boolean
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof CODES

export function styled(look: Display, style: Style, text: string): string {
  return look.colours ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text
}

/** Without control characters, escape sequences among them: a player's name must not move the cursor. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
}

const WIDE =
  /\p{Extended_Pictographic}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

function charactersOf(text: string): { character: string; columns: number }[] {
  return Array.from(graphemes.segment(text), ({ segment }) => ({
    character: segment,
    columns: WIDE.test(segment) ? 2 : 1,
  }))
}

export function columnsOf(text: string): number {
  return charactersOf(text).reduce((sum, { columns }) => sum + columns, 0)
}

/** Cuts a text that is wider than that, and says so with an ellipsis. */
export function cut(text: string, width: number): string {
  const clean = plain(text)
  if (columnsOf(clean) <= width) return clean
  let result = ''
  let used = 0
  for (const { character, columns } of charactersOf(clean)) {
    if (used + columns > width - 1) break
    result += character
    used += columns
  }
  return `${result}…`
}

/** Breaks a text between words into lines of at most that width; a word that is too long for a line goes on in the next. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of plain(text)
    .split(' ')
    .flatMap((each) => inPieces(each, width))) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && columnsOf(longer) > width) {
      lines.push(line)
      line = word
    } else {
      line = longer
    }
  }
  return [...lines, line]
}

function inPieces(word: string, width: number): string[] {
  const pieces = ['']
  let used = 0
  for (const { character, columns } of charactersOf(word)) {
    if (used + columns > width) {
      pieces.push('')
      used = 0
    }
    pieces.push(`${pieces.pop()}${character}`)
    used += columns
  }
  return pieces
}

export function padEnd(text: string, width: number): string {
  const fitting = cut(text, width)
  return fitting + ' '.repeat(Math.max(0, width - columnsOf(fitting)))
}

export function padStart(text: string, width: number): string {
  const fitting = cut(text, width)
  return ' '.repeat(Math.max(0, width - columnsOf(fitting))) + fitting
}

/** A box as wide as its widest line, but not wider than the terminal. */
export function box(look: Display, lines: readonly { text: string; style?: Style }[]): string[] {
  const room = Math.max(10, look.width - 4)
  const wrapped = lines.flatMap(({ text, style }) => wrap(text, room).map((line) => ({ line, style })))
  const inner = Math.max(...wrapped.map(({ line }) => columnsOf(line)))
  const edge = '─'.repeat(inner + 2)
  const rows = wrapped.map(({ line, style }) => {
    const padded = padEnd(line, inner)
    return `│ ${style ? styled(look, style, padded) : padded} │`
  })
  return [`┌${edge}┐`, ...rows, `└${edge}┘`]
}
