// Lays out text in a terminal: width, colours, boxes. Text from users is cleaned, so that it cannot control the terminal.

/** The properties of the terminal. */
export interface Display {
  /** In columns. */
  width: number
  /** Whether to print colours. */
  colours: boolean
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof CODES

export function styled(display: Display, style: Style, text: string): string {
  return display.colours ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text
}

/** Removes control characters and with them escape sequences: a player's name must not move the cursor. */
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

/** Cuts a text to a width and marks the cut with an ellipsis. */
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

/** Wraps a text between words. A word that is longer than a line is broken. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of plain(text)
    .split(' ')
    .flatMap((each) => breakWord(each, width))) {
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

function breakWord(word: string, width: number): string[] {
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
  const fitted = cut(text, width)
  return fitted + ' '.repeat(Math.max(0, width - columnsOf(fitted)))
}

export function padStart(text: string, width: number): string {
  const fitted = cut(text, width)
  return ' '.repeat(Math.max(0, width - columnsOf(fitted))) + fitted
}

/** Draws a box that is as wide as its widest line, but not wider than the terminal. */
export function box(display: Display, lines: readonly { text: string; style?: Style }[]): string[] {
  const maxInner = Math.max(10, display.width - 4)
  const wrapped = lines.flatMap(({ text, style }) => wrap(text, maxInner).map((line) => ({ line, style })))
  const inner = Math.max(...wrapped.map(({ line }) => columnsOf(line)))
  const edge = '─'.repeat(inner + 2)
  const rows = wrapped.map(({ line, style }) => {
    const padded = padEnd(line, inner)
    return `│ ${style ? styled(display, style, padded) : padded} │`
  })
  return [`┌${edge}┐`, ...rows, `└${edge}┘`]
}
