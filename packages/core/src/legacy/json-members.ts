import { unquote } from '../format/json-text.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { HELD_LINE_BYTES, MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import { JsonScanner } from './json-scanner.js'

/** JSON in a file, which may be too long to be held: the keys and values of an object. */

/** From the first byte to behind the last. */
export interface FileRange {
  readonly start: number
  readonly end: number
}

/** A key of an object, and where its value stands. */
export interface Member extends FileRange {
  /** Undefined where it is longer than any line may be. */
  readonly key: string | undefined
  /** The value; valid until the next member is asked for. Undefined where it is too long to be held. */
  readonly bytes: Buffer | undefined
}

/**
 * The members of the object that stands in a range of a file, a doubled key twice. Returns whether it is an object,
 * which is known only at its end. With every chunk comes a number, how far it came in the file: there the caller may let
 * others run.
 */
export function* readMembers(file: OpenFile, range: FileRange): Generator<Member | number, boolean> {
  const scanner = new JsonScanner()
  const window = new Window(file, range)
  let key: string | undefined
  let isKeyRead = false
  for (;;) {
    window.scan(scanner)
    if (scanner.keyEnd !== -1 && !isKeyRead) {
      key = keyIn(window, scanner)
      isKeyRead = true
    }
    if (scanner.valueEnd !== -1) {
      const { valueStart: start, valueEnd: end } = scanner
      yield { key, start, end, bytes: end - start > HELD_LINE_BYTES ? undefined : window.slice(start, end) }
      isKeyRead = false
    } else if (scanner.isBad) return false
    else if (window.readOn(firstWanted(scanner, window.at))) yield window.at
    else return scanner.isObject && scanner.end() && window.at === range.end
  }
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** All of a file but for the mark that an editor may have put in front. */
export function textOf(file: OpenFile): FileRange {
  const first = Buffer.alloc(BYTE_ORDER_MARK.length)
  file.read(first, 0)
  return { start: first.equals(BYTE_ORDER_MARK) ? first.length : 0, end: file.status().sizeBytes }
}

/** From where on what was scanned is wanted still: a key until it is whole, a value as long as it may be a short one. */
function firstWanted({ keyStart, keyEnd, valueStart }: JsonScanner, at: number): number {
  if (keyStart === -1) return at
  if (keyEnd === -1) return at - keyStart > MAX_READ_RECORD_BYTES ? at : keyStart
  return valueStart === -1 || at - valueStart > HELD_LINE_BYTES ? at : valueStart
}

function keyIn(window: Window, { keyStart, keyEnd }: JsonScanner): string | undefined {
  if (keyEnd - keyStart > MAX_READ_RECORD_BYTES) return undefined
  return unquote(window.slice(keyStart, keyEnd).toString('utf8'))
}

/** The stretch of a file that is in memory. */
class Window {
  /** How far it was scanned, and how far it goes; in the file, as all places here. */
  at: number
  end: number
  #start: number
  #bytes: Buffer

  constructor(
    private readonly file: OpenFile,
    private readonly range: FileRange,
  ) {
    this.at = this.end = this.#start = range.start
    this.#bytes = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES + HELD_LINE_BYTES, Math.max(1, range.end - range.start)))
  }

  scan(scanner: JsonScanner): void {
    this.at = this.#start + scanner.scan(this.#bytes, this.at - this.#start, this.end - this.#start, this.#start)
  }

  slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start - this.#start, end - this.#start)
  }

  /** What precedes `keepFrom` gives way to what follows; false where nothing follows. */
  readOn(keepFrom: number): boolean {
    const kept = this.slice(keepFrom, this.end)
    if (kept.length * 2 > this.#bytes.length) {
      // A long key. It has to be held, as what it is will be.
      this.#bytes = Buffer.concat([kept], Math.min(kept.length * 2, kept.length + this.range.end - this.end) || 1)
    } else kept.copy(this.#bytes)
    this.#start = keepFrom
    const room = this.#bytes.subarray(kept.length, kept.length + this.range.end - this.end)
    const filled = room.length === 0 ? 0 : this.file.read(room, this.end)
    this.end += filled
    return filled > 0
  }
}
