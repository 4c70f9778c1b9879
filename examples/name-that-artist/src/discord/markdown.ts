// What people wrote, as it may stand in a message. Discord reads messages as Markdown, and a display name is whatever
// its owner likes: it must show as it is, and neither style the message nor look like a mention, a link or a command.

// Control characters and line breaks, and the marks that turn the direction of the text behind them.
const STEERING = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu
// What has a meaning inside a line. Headings, lists and quotes need the beginning of one, where no such text stands.
const MARKUP = /[\\`*_~|<[\]():@]/g

/** On one line, without anything that steers, and cut to at most that many UTF-16 code units, which is how Discord counts. */
export function oneLine(text: string, maxLength: number): string {
  const line = text.replace(STEERING, ' ').trim()
  if (line.length <= maxLength) return line
  let kept = ''
  for (const character of line) {
    if (kept.length + character.length > maxLength - 1) break
    kept += character
  }
  return `${kept}…`
}

/** The same with everything escaped that Discord would read as Markdown: up to twice as long. */
export function literal(text: string, maxLength: number): string {
  return oneLine(text, maxLength).replace(MARKUP, '\\$&')
}
