// Prepares text from users for a message. Discord reads messages as Markdown. A display name can be any text and must be
// shown literally: it must not style the message or look like a mention, a link or a command.

// Control characters, line breaks and the marks that change the direction of the text after them.
const CONTROLS = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu
// Markdown that has a meaning inside a line. Headings, lists and quotes do not matter: this text is never at the start
// of a line.
const MARKUP = /[\\`*_~|<[\]():@]/g

/** Puts a text on one line, without control characters, and cuts it to a length in UTF-16 code units, as Discord counts. */
export function oneLine(text: string, maxLength: number): string {
  const line = text.replace(CONTROLS, ' ').trim()
  if (line.length <= maxLength) return line
  let kept = ''
  for (const character of line) {
    if (kept.length + character.length > maxLength - 1) break
    kept += character
  }
  return `${kept}…`
}

/** Does the same and escapes Markdown, which may double the length. */
export function literal(text: string, maxLength: number): string {
  return oneLine(text, maxLength).replace(MARKUP, '\\$&')
}
