import { checksumValue } from '../../format/checksum.js'
import { type KeyMeta, toKeyMeta } from '../../format/part-meta.js'
import type { Encoding } from '../../format/value.js'
import { ioError } from '../../platform/errors.js'
import type { OpenFile } from '../../platform/file-system.js'
import { corrupt } from '../checkpoint/parts.js'
import type { CachedText } from '../value-cache.js'

const NOWHERE = -1
const UNKNOWN = -1

/** A value that was set since the checkpoint: its text, or the place in the log from where that can be read again. */
export class TailValue implements CachedText {
  cachedBytes = 0
  isUsed = false
  /** Nothing later has been said of the key in its layer. */
  isCurrent = true
  #offset = NOWHERE
  #bytes = 0
  /**
   * The checksum of the text's bytes and of `#lead` bytes ahead of them, found when the text is let go. Signed: as a
   * number up to 2^32 it would be an object of its own.
   */
  #crc = 0
  #lead = UNKNOWN
  readonly #meta: KeyMeta | undefined

  constructor(
    /** The record that set it. */
    readonly seq: number,
    public text: string | undefined,
    encoding: Encoding | undefined,
    expires: number | undefined,
    time: number | undefined,
    /** About what it takes in a checkpoint, with its key. */
    readonly stateBytes: number,
  ) {
    this.#meta = toKeyMeta(encoding, expires, time)
  }

  get encoding(): Encoding | undefined {
    return this.#meta?.encoding
  }

  get expires(): number | undefined {
    return this.#meta?.expires
  }

  get time(): number | undefined {
    return this.#meta?.time
  }

  /** False while its record is on its way to the file: then nothing but this object has the text. */
  get isInFile(): boolean {
    return this.#offset !== NOWHERE
  }

  /** How long its text is in the file. */
  get bytes(): number {
    return this.#bytes
  }

  /** How long its text is in memory. */
  get textBytes(): number {
    return this.text === undefined ? 0 : this.text.length * (this.text.length === this.#bytes ? 1 : 2)
  }

  moveBy(bytes: number): void {
    if (this.#offset !== NOWHERE) this.#offset += bytes
  }

  putAt(offset: number, bytes: number): void {
    this.#offset = offset
    this.#bytes = bytes
  }

  /** `lead`: how many bytes ahead of the text the checksum begins. */
  checkedBy(crc: number, lead: number): void {
    this.#crc = crc | 0
    this.#lead = lead
  }

  dropText(): void {
    if (this.text === undefined) return
    if (this.#lead === UNKNOWN) this.checkedBy(checksumValue(this.text), 0)
    this.text = undefined
  }

  /** `shift`: how much further on the record stands by now. */
  read(file: OpenFile, path: string, shift: number, key: string): string {
    const lead = this.#lead
    const bytes = Buffer.allocUnsafe(lead + this.#bytes)
    const offset = this.#offset + shift
    let filled: number
    try {
      filled = file.read(bytes, offset - lead)
    } catch (cause) {
      throw ioError('read', path, cause, offset)
    }
    if (filled !== bytes.length || (checksumValue(bytes) | 0) !== this.#crc) {
      throw corrupt(path, offset, `the value of key ${JSON.stringify(key.slice(0, 100))}`)
    }
    return bytes.toString('utf8', lead)
  }
}

/** A key that was deleted: it hides the key in the layers below. */
export const TOMBSTONE = Symbol('tombstone')
export type KeyState = TailValue | typeof TOMBSTONE

/** A key that a tail names, and what it says of it. */
export class TailSlot {
  /** Undefined once all that was said of the key has been taken back. */
  value: KeyState | undefined

  constructor(readonly key: string) {}
}
