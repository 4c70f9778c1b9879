import { encodePair } from '../format/encode.js'
import { quote } from '../format/json-text.js'
import type { PartValue } from '../format/record.js'
import { isOneValue, noValue } from '../format/value.js'
import {
  BackgroundSync,
  type CheckpointStart,
  CheckpointWriter,
  type WrittenCheckpoint,
} from '../log/checkpoint-writer.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import type { FrozenState } from './frozen-state.js'
import { pagesOf } from './key-order.js'
import type { State } from './state.js'
import type { StatePiece, StateValue } from './types.js'

const PAGE_KEYS = 256

/** All that is there now, in key order, in slices. */
export async function* walkState(
  source: State | FrozenState,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<[key: string, value: StateValue]> {
  for (const page of pagesOf((after) => source.page({ prefix: '', after }, PAGE_KEYS, nowMs))) {
    yield* page
    if (slices.isDue()) await slices.pause()
  }
}

/** What the lines of a checkpoint have beside keys and values: a few hundredths of that, and a header. */
const LINES_SHARE = 0.05
const HEADER_BYTES = 1024
/** What stands in the meta of a part for a key that expires, has an encoding or a time, beside its name. */
const META_BYTES = 48

/** About how long the checkpoint of a state is, and no shorter; counted no further than to the first number above `enough`. */
export async function checkpointLength(
  source: State | FrozenState,
  nowMs: number,
  slices: Slices,
  enough = Number.POSITIVE_INFINITY,
): Promise<number> {
  let bytes = 0
  for await (const [key, { text, encoding, expires, time }] of walkState(source, nowMs, slices)) {
    const pair = Buffer.byteLength(encodePair({ key, value: { text, encoding }, expires, time })) + 1
    const hasMeta = encoding !== undefined || expires !== undefined || time !== undefined
    bytes += pair + (hasMeta ? 2 * Buffer.byteLength(quote(key)) + META_BYTES : 0)
    if (bytes > enough) break
  }
  return Math.ceil(bytes * (1 + LINES_SHARE)) + HEADER_BYTES
}

/** Keys and values as pieces of a checkpoint. */
async function* piecesOf(pairs: AsyncIterable<readonly [key: string, value: StateValue]>): AsyncGenerator<Piece> {
  for await (const [key, { text, encoding, expires, time }] of pairs) {
    yield { pair: { key, value: { text, encoding }, expires, time } }
  }
}

/** Pairs in key order, of which none stands in a part yet. */
export const allNew =
  (pairs: AsyncIterable<readonly [key: string, value: StateValue]>): Pieces =>
  () =>
    piecesOf(pairs)

/** What a checkpoint is made of, in key order. */
type Piece = StatePiece | { readonly part?: undefined; readonly pair: PartValue }
/** The writer is asked whether a part may stay as it is. */
export type Pieces = (writer: CheckpointWriter) => Iterable<Piece> | AsyncIterable<Piece>

/** Writes a checkpoint into an empty file. A text that is no value is left out where `leaveOut` is told, else an error. */
export async function writeCheckpoint(
  file: OpenFile,
  pieces: Pieces,
  start: CheckpointStart,
  slices: Slices,
  leaveOut?: (key: string) => void,
): Promise<WrittenCheckpoint> {
  const writer = new CheckpointWriter(file, start)
  const sync = new BackgroundSync(file)
  for await (const piece of pieces(writer)) {
    if (piece.part) writer.addPart(piece.part, piece.line)
    else if ('pairs' in piece) for (const pair of piece.pairs) writer.addSpelled(pair)
    else if (isOneValue(piece.pair.value.text)) writer.add(piece.pair)
    else if (leaveOut) leaveOut(piece.pair.key)
    else throw noValue(piece.pair.key)
    sync.reached(writer.writtenTo)
    if (slices.isDue('pairs' in piece ? piece.bytes : 0)) await slices.pause()
  }
  await sync.end()
  return writer.finish()
}
