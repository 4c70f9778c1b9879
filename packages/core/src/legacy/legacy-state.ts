import { CODE_UNIT_BYTES, quote } from '../format/json-text.js'
import type { PartValue } from '../format/record.js'
import type { ValueText } from '../format/value.js'
import type { Recovery } from '../log/damage-report.js'
import { FlatlogError } from '../platform/errors.js'
import { MAX_READ_RECORD_BYTES } from '../platform/limits.js'

/** A store of format 0 as its files describe it. */
export interface LegacyState {
  /** In key order. */
  readonly pairs: readonly PartValue[]
  /** About how many bytes the keys and values have. */
  readonly sizeBytes: number
  /** The number of the last line of the log: line n counts as record n. */
  readonly lastSeq: number
  readonly recovery: Recovery
}

/** Where a value comes from, for error messages. */
export interface LegacyPlace {
  readonly path: string
  /** 1 is the first line. Undefined for a main file, which is read as a whole. */
  readonly line: number | undefined
  readonly offset: number
}

interface LegacyValue {
  readonly value: ValueText
  readonly time: number | undefined
}

/** What a part of a checkpoint has besides a key and its value, and some more. */
const LINE_BYTES = 1024
/** The most that a UTF-16 code unit takes in a quoted key: an escape. */
const QUOTED_CODE_UNIT_BYTES = 6

/** Collects the latest value of each key. */
export class LegacyValues {
  /** Undefined: deleted, so that a value in the main file does not count. */
  readonly #values = new Map<string, LegacyValue | undefined>()
  /** The present values that do not fit a record. One that is overwritten or deleted later does no harm. */
  readonly #tooLong = new Map<string, LegacyPlace>()

  /** True also for a deleted key. */
  has(key: string): boolean {
    return this.#values.has(key)
  }

  set(key: string, value: ValueText, time: number | undefined, place: LegacyPlace): void {
    this.#values.set(key, { value, time })
    if (!fitsRecord(key, value)) this.#tooLong.set(key, place)
    else if (this.#tooLong.size > 0) this.#tooLong.delete(key)
  }

  delete(key: string): void {
    this.#values.set(key, undefined)
    this.#tooLong.delete(key)
  }

  clear(): void {
    this.#values.clear()
    this.#tooLong.clear()
  }

  /** Throws FLATLOG_TOO_LARGE if a value does not fit a record. */
  inKeyOrder(): PartValue[] {
    const [tooLong] = this.#tooLong
    if (tooLong) throw valueTooLong(...tooLong)
    const pairs: PartValue[] = []
    // The default order is that of UTF-16 code units.
    for (const key of [...this.#values.keys()].sort()) {
      const entry = this.#values.get(key)
      if (entry) pairs.push({ key, value: entry.value, time: entry.time })
    }
    return pairs
  }
}

function fitsRecord(key: string, { text }: ValueText): boolean {
  const most = text.length * CODE_UNIT_BYTES + key.length * QUOTED_CODE_UNIT_BYTES + LINE_BYTES
  if (most <= MAX_READ_RECORD_BYTES) return true
  return Buffer.byteLength(text) + Buffer.byteLength(quote(key)) + LINE_BYTES <= MAX_READ_RECORD_BYTES
}

function valueTooLong(key: string, { path, line, offset }: LegacyPlace): FlatlogError {
  return new FlatlogError(
    'FLATLOG_TOO_LARGE',
    `The value of ${JSON.stringify(key.slice(0, 100))} in ${line === undefined ? '' : `line ${line} of `}${path} is too ` +
      `long: a record has at most ${MAX_READ_RECORD_BYTES} bytes. Nothing was changed. What to do: split the value over ` +
      'several keys, or remove it from the file, then open the store again.',
    { path, offset },
  )
}
