import { FlatlogError, ioError } from '../base/errors.js'
import type { OpenFile } from '../fs/file-system.js'
import { layOutPart, type PartLayout } from '../record/part-layout.js'
import { expiryOf } from '../record/part-meta.js'
import type { PartSummary, PartValue } from '../record/record.js'
import type { PartPairs } from './part-pairs.js'

/** A run of keys of the checkpoint: a line of the file, or, where that was lost and healed, a state in memory. */
export class Part implements PartSummary {
  readonly firstKey: string
  offset: number
  /** Its number in the file, which stays when others are healed. */
  line = 0
  readonly bytes: number
  readonly keys: number
  readonly minExpires: number | null
  readonly maxExpires: number | null
  readonly crc: string
  readonly state: readonly PartValue[] | undefined
  /** Where its keys stand in its line, once that was needed. */
  layout: PartLayout | undefined
  /** What is known of each pair, once more than one lookup has come to its line. */
  pairs: PartPairs | undefined
  /** It is in no checkpoint any more, so what was read of it may have been written over. */
  isGone = false
  /** Its bytes were found not to be what was written. */
  isDamaged = false

  constructor(summary: PartSummary, state?: readonly PartValue[]) {
    this.firstKey = summary.firstKey
    this.offset = summary.offset
    this.bytes = summary.bytes
    this.keys = summary.keys
    this.minExpires = summary.minExpires
    this.maxExpires = summary.maxExpires
    this.crc = summary.crc
    this.state = state
  }

  /** `state`: in key order, not empty. */
  static inMemory(state: readonly PartValue[]): Part {
    const { minExpires, maxExpires } = expiryOf(state)
    const firstKey = (state[0] as PartValue).key
    return new Part({ firstKey, offset: -1, bytes: 0, keys: state.length, minExpires, maxExpires, crc: '' }, state)
  }
}

/** Fills all of `into`; undefined where the file ends before. */
export function readAt(file: OpenFile, path: string, offset: number, into: Buffer): Buffer | undefined {
  try {
    return file.read(into, offset) === into.length ? into : undefined
  } catch (cause) {
    throw ioError('read', path, cause, offset)
  }
}

/** The line, as Latin-1, in which a character is a byte, is cut where its keys stand. */
export function layoutOf(part: Part, latin: string): PartLayout {
  part.layout ??= layOutPart(latin)
  if (!part.layout) throw new Error('a line whose checksum fits is no part')
  return part.layout
}

export function corrupt(path: string, offset: number, what: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_CORRUPT',
    `${path} no longer holds at byte ${offset} what was written there; ${what} cannot be read. All others are as they should be. ` +
      'What to do: see store.recovery and store.health(); where a backup proves what stood there it is healed by itself.',
    { path, offset },
  )
}
