import type { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import type { IndexedValue, KeyRangeQuery } from '../index/key-index.js'
import { type GenerationStart, GenerationWriter } from '../log/generation-writer.js'
import { encodePair } from '../record/encode.js'
import { quote } from '../record/json-text.js'
import { isOneValue, noValue } from '../record/value.js'

/** What can be walked over in key order: an index, or the frozen part of one. */
export interface StateSource {
  page(query: KeyRangeQuery, limit: number, nowMs: number): [key: string, value: IndexedValue][]
}

/** A value on its way into a checkpoint. */
export type StateValue = Pick<IndexedValue, 'text' | 'encoding' | 'expires' | 'time'> | LongValue

/** One that is too long to be held: its text comes in pieces, and is known to be JSON. */
export interface LongValue {
  readonly time: number | undefined
  pieces(): Iterable<Buffer>
}

const PAGE_KEYS = 256

/** All that is there now, in key order, in slices. */
export async function* walkState(
  source: StateSource,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<[key: string, value: IndexedValue]> {
  let after: string | undefined
  for (;;) {
    const page = source.page({ prefix: '', after }, PAGE_KEYS, nowMs)
    yield* page
    if (page.length < PAGE_KEYS) return
    after = page.at(-1)?.[0]
    if (slices.isDue()) await slices.pause()
  }
}

/** What the lines of a checkpoint have beside keys and values: a few hundredths of that, and a header. */
const LINES_SHARE = 0.05
const HEADER_BYTES = 1024
/** What stands in the meta of a part for a key that expires, has an encoding or a time, beside its name. */
const META_BYTES = 48

/** About how long the checkpoint of a state is, and no shorter. */
export async function checkpointLength(source: StateSource, nowMs: number, slices: Slices): Promise<number> {
  let bytes = 0
  for await (const [key, { text, encoding, expires, time }] of walkState(source, nowMs, slices)) {
    const pair = Buffer.byteLength(encodePair({ key, value: { text, encoding }, expires, time })) + 1
    const hasMeta = encoding !== undefined || expires !== undefined || time !== undefined
    bytes += pair + (hasMeta ? 2 * Buffer.byteLength(quote(key)) + META_BYTES : 0)
  }
  return Math.ceil(bytes * (1 + LINES_SHARE)) + HEADER_BYTES
}

/**
 * Writes the checkpoint of a state, which comes in key order, into an empty file. Returns its length in bytes. A text
 * that is no value cannot stand among others: it is left out where `leaveOut` is told, and an error elsewhere.
 */
export async function writeCheckpoint(
  file: OpenFile,
  pairs: AsyncIterable<readonly [key: string, value: StateValue]>,
  start: GenerationStart,
  slices: Slices,
  leaveOut?: (key: string) => void,
): Promise<number> {
  const writer = new GenerationWriter(file, start)
  for await (const [key, value] of pairs) {
    if ('pieces' in value) {
      if (!(await writer.addLong(key, value.pieces(), value.time, slices))) leaveOut?.(key)
      continue
    }
    const { text, encoding, expires, time } = value
    if (isOneValue(text)) writer.add({ key, value: { text, encoding }, expires, time })
    else if (leaveOut) leaveOut(key)
    else throw noValue(key)
  }
  return writer.finish()
}
