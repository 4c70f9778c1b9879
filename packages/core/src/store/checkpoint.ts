import type { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import type { IndexedValue, StatePiece, StateSource } from '../index/key-index.js'
import { type GenerationStart, GenerationWriter, type WrittenGeneration } from '../log/generation-writer.js'
import { encodePair } from '../record/encode.js'
import { quote } from '../record/json-text.js'
import { isOneValue, noValue } from '../record/value.js'

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
    if (page.length === 0) return
    yield* page
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

/** The same as pieces of a checkpoint. */
export async function* pairsOf(source: StateSource, nowMs: number, slices: Slices): AsyncGenerator<StatePiece> {
  for await (const [key, { text, encoding, expires, time }] of walkState(source, nowMs, slices)) {
    yield { pair: { key, value: { text, encoding }, expires, time } }
  }
}

/** What a checkpoint is made of, in key order; the writer is asked whether a part may stay as it is. */
export type Pieces = (writer: GenerationWriter) => Iterable<StatePiece> | AsyncIterable<StatePiece>

/**
 * Writes a checkpoint into an empty file. A text that is no value cannot stand among others: it is left out where
 * `leaveOut` is told, and an error elsewhere.
 */
export async function writeCheckpoint(
  file: OpenFile,
  pieces: Pieces,
  start: GenerationStart,
  slices: Slices,
  leaveOut?: (key: string) => void,
): Promise<WrittenGeneration> {
  const writer = new GenerationWriter(file, start)
  for await (const piece of pieces(writer)) {
    if (piece.part) writer.addPart(piece.part, piece.line)
    else if (isOneValue(piece.pair.value.text)) writer.add(piece.pair)
    else if (leaveOut) leaveOut(piece.pair.key)
    else throw noValue(piece.pair.key)
    if (slices.isDue()) await slices.pause()
  }
  return writer.finish()
}
