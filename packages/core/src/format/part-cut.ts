import { endOfString, unquote } from './json-text.js'
import { isAscii, keyCount, keyStart, metaEnd, metaStart, type PartLayout, valueEnd } from './part.js'
import { type DatedMeta, metaOf, NO_META, type PartMeta } from './part-meta.js'
import type { SpelledPair } from './record.js'

const TIMESTAMP = '{"timestamp":"'

export function parseMeta(line: Buffer, layout: PartLayout): DatedMeta {
  const [start, end] = [metaStart(layout), metaEnd(layout)]
  if (end - start <= 2) return NO_META
  const meta = JSON.parse(line.toString('utf8', start, end)) as PartMeta
  if (!meta.ages) return { ...meta, timestampMs: 0 }
  const timestamp = line.toString('latin1', TIMESTAMP.length, line.indexOf('"', TIMESTAMP.length))
  return { ...meta, timestampMs: Date.parse(timestamp) }
}

/**
 * Cuts a part into its pairs without decoding them. `latin`: the line, a character a byte. Where it is ASCII the pairs
 * are slices of that, so whoever keeps one of them keeps all of the line.
 */
export function cutPart(line: Buffer, latin: string, layout: PartLayout, meta: DatedMeta): SpelledPair[] {
  const isPlain = isAscii(layout)
  const count = keyCount(layout)
  const cut = (start: number, end: number) => (isPlain ? latin.slice(start, end) : line.toString('utf8', start, end))
  const pairs: SpelledPair[] = []
  for (let position = 0; position < count; position++) {
    const start = keyStart(layout, position)
    const end = valueEnd(layout, position)
    const key = unquote(cut(start, endOfString(latin, start)))
    const { expires, encoding, time } = meta === NO_META ? NOTHING : metaOf(meta, key, position)
    pairs.push({ key, spelled: cut(start, end), bytes: end - start, encoding, expires, time })
  }
  return pairs
}

const NOTHING = { expires: undefined, encoding: undefined, time: undefined }
