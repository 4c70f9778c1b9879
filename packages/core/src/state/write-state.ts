import { encodePair } from '../format/encode.js'
import { quote } from '../format/json-text.js'
import { META_BYTES } from '../format/part-meta.js'
import type { PartValue } from '../format/record.js'
import { isOneValue, noValue } from '../format/value.js'
import { BackgroundSync } from '../log/background-sync.js'
import { type CheckpointStart, CheckpointWriter, type WrittenCheckpoint } from '../log/checkpoint-writer.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import type { FrozenState } from './frozen-state.js'
import { PAGE_KEYS, pagesOf } from './key-order.js'
import type { State } from './state.js'
import type { StatePiece, StateValue } from './types.js'

/** All keys with their values, in order, with pauses. */
export async function* walkState(
  state: State | FrozenState,
  nowMs: number,
  slices: Slices,
): AsyncGenerator<[key: string, value: StateValue]> {
  for (const page of pagesOf((after) => state.page({ prefix: '', after }, PAGE_KEYS, nowMs))) {
    yield* page
    if (slices.isDue()) await slices.pause()
  }
}

/** The lines of a checkpoint add a few hundredths to the length of keys and values, and a header. */
const LINES_SHARE = 0.05
const HEADER_BYTES = 1024

/** About how many bytes a checkpoint of the state has, not fewer. Counting ends above `enough`. */
export async function checkpointLength(
  state: State | FrozenState,
  nowMs: number,
  slices: Slices,
  enough = Number.POSITIVE_INFINITY,
): Promise<number> {
  let bytes = 0
  for await (const [key, { text, encoding, expires, time }] of walkState(state, nowMs, slices)) {
    const pair = Buffer.byteLength(encodePair({ key, value: { text, encoding }, expires, time })) + 1
    const hasMeta = encoding !== undefined || expires !== undefined || time !== undefined
    bytes += pair + (hasMeta ? 2 * Buffer.byteLength(quote(key)) + META_BYTES : 0)
    if (bytes > enough) break
  }
  return Math.ceil(bytes * (1 + LINES_SHARE)) + HEADER_BYTES
}

/** A piece of a checkpoint, in key order. */
type Piece = StatePiece | { readonly kind: 'pair'; readonly pair: PartValue }
/** The pieces may depend on which parts the writer accepts as they are. */
export type Pieces = (writer: CheckpointWriter) => Iterable<Piece> | AsyncIterable<Piece>

/** A checkpoint of new pairs only. They come in key order. */
export function allNew(pairs: AsyncIterable<readonly [key: string, value: StateValue]>): Pieces {
  return async function* () {
    for await (const [key, { text, encoding, expires, time }] of pairs) {
      yield { kind: 'pair', pair: { key, value: { text, encoding }, expires, time } }
    }
  }
}

/**
 * Writes a checkpoint into an empty file. A text that is not one JSON value is an error, or, with `leaveOut`, is left
 * out and reported to it.
 */
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
    if (piece.kind === 'part') writer.addPart(piece.part, piece.line)
    else if (piece.kind === 'pairs') for (const pair of piece.pairs) writer.addSpelled(pair)
    else if (isOneValue(piece.pair.value.text)) writer.add(piece.pair)
    else if (leaveOut) leaveOut(piece.pair.key)
    else throw noValue(piece.pair.key)
    sync.reached(writer.writtenTo)
    if (slices.isDue(piece.kind === 'pairs' ? piece.bytes : 0)) await slices.pause()
  }
  await sync.end()
  return writer.finish()
}
