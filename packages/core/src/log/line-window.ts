import { isAscii } from 'node:buffer'
import type { BytesAndText } from '../format/decode-fast.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'

/** What of a file is looked at first: as text it is a string of its own, of which few should be long. */
const FIRST_BYTES = 64 * 1024
const NONE = Buffer.alloc(0)

/**
 * The lines of a file as many at once as a window shows, which are walked over where they stand: nothing is made for a
 * line. What the window shows is valid until it is moved.
 */
export class LineWindow implements BytesAndText {
  #buffer = NONE
  bytes: Buffer = NONE
  text = ''
  isAscii = true

  readonly #sizeBytes: number

  constructor(private readonly file: OpenFile) {
    this.#sizeBytes = file.status().sizeBytes
  }

  /** False where no line ends within it: it is the last one, or a very long one. */
  moveTo(offset: number): boolean {
    const rest = this.#sizeBytes - offset
    for (let wanted = Math.max(this.#buffer.length, FIRST_BYTES); ; wanted *= 2) {
      if (this.#buffer.length < Math.min(wanted, rest)) this.#buffer = Buffer.allocUnsafeSlow(Math.min(wanted, rest))
      const filled = rest > 0 ? this.file.read(this.#buffer, offset) : 0
      this.bytes = this.#buffer.subarray(0, filled)
      this.text = this.bytes.toString('latin1')
      if (this.text.includes('\n')) {
        this.isAscii = isAscii(this.bytes)
        return true
      }
      if (wanted >= rest || wanted >= READ_CHUNK_BYTES) return false
    }
  }
}
