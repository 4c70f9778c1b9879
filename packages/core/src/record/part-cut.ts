import { endOfString, unquote } from './json-text.js'
import { type PartLayout, valueEnd } from './part-layout.js'
import { metaOf, NO_META, type PartMeta } from './part-meta.js'
import type { SpelledPair } from './record.js'

export function parseMeta(line: Buffer, { metaStart, metaEnd }: PartLayout): PartMeta {
  if (metaEnd - metaStart <= 2) return NO_META
  return JSON.parse(line.toString('utf8', metaStart, metaEnd)) as PartMeta
}

/**
 * Cuts a part into its pairs without decoding them. `latin`: the line, a character a byte. Where it is ASCII the pairs
 * are slices of that, so whoever keeps one of them keeps all of the line.
 */
export function cutPart(line: Buffer, latin: string, layout: PartLayout, meta: PartMeta): SpelledPair[] {
  const { keys, isAscii, timestampMs } = layout
  const cut = (start: number, end: number) => (isAscii ? latin.slice(start, end) : line.toString('utf8', start, end))
  const pairs: SpelledPair[] = []
  for (let position = 0; position < keys.length - 1; position++) {
    const start = keys[position] as number
    const end = valueEnd(layout, position)
    const key = unquote(cut(start, endOfString(latin, start)))
    const { expires, encoding, time } = meta === NO_META ? NOTHING : metaOf(meta, key, position, timestampMs)
    pairs.push({ key, spelled: cut(start, end), bytes: end - start, encoding, expires, time })
  }
  return pairs
}

const NOTHING = { expires: undefined, encoding: undefined, time: undefined }
