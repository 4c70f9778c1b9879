import { CHECKSUM_BYTES, checksumValue, endOfLine, formatChecksum } from './checksum.js'
import type { Encoding } from './value.js'

const TIMESTAMP = '{"timestamp":"'
const TIMESTAMP_END = TIMESTAMP.length + 24
const SEQ = '","seq":'
const SYNCED = ',"synced":'
const SET = ',"op":"SET","key":"'
const DELETE = ',"op":"DELETE","key":"'
const EXPIRES = ',"expires":'
const ENCODING = ',"encoding":"'
const VALUE = ',"value":'

/** Bytes of a file, and the same bytes as Latin-1 text, in which each character is one byte. */
export interface BytesAndText {
  readonly bytes: Buffer
  readonly text: string
  /** True if no byte is above 0x7f. */
  readonly isAscii: boolean
}

/**
 * The fast decoder for the usual record: a SET or DELETE of one key without escapes.
 *
 * Nearly all lines of a log are such records, so the speed of opening is the speed of this class; and it runs mostly
 * before the JIT has optimized it. So it decodes a line in place, into one object that is used for all lines, in few
 * steps that each do much. `decodeLine` handles every other line.
 */
export class PlainRecord {
  timestamp = ''
  seq = 0
  /** 0 if the record has none. */
  synced = 0
  crc = 0
  isDelete = false
  key = ''
  /** The length of the key in the line, without its quotes. */
  keyBytes = 0
  expires: number | undefined
  encoding: Encoding | undefined
  /** Where the text of the value begins, in bytes from the start of the line; 0 in a DELETE. */
  valueStart = 0
  /** The length of that text; 0 in a DELETE. */
  valueBytes = 0
  #text = ''
  #at = 0

  /**
   * Decodes the line that begins at `start` and whose newline is at `end`. False if it is not a usual record with a
   * valid checksum; then the fields mean nothing.
   */
  read(from: BytesAndText, start: number, end: number): boolean {
    const stop = end - CHECKSUM_BYTES
    if (stop <= start) return false
    const { text, bytes, isAscii } = from
    // For ASCII the text has the same checksum, and slicing it costs less than slicing the bytes.
    const crc = checksumValue(isAscii ? text.slice(start, stop) : bytes.subarray(start, stop))
    if (!text.startsWith(endOfLine(formatChecksum(crc)), stop)) return false
    this.crc = crc
    this.#text = text
    return this.#readHead(start) && this.#readKey(bytes, isAscii) && this.#readRest(start, stop)
  }

  #readHead(start: number): boolean {
    const text = this.#text
    const end = start + TIMESTAMP_END
    if (!text.startsWith(TIMESTAMP, start) || !text.startsWith(SEQ, end)) return false
    // Most records have the timestamp of the record before them.
    if (this.timestamp === '' || !text.startsWith(this.timestamp, start + TIMESTAMP.length)) {
      const timestamp = text.slice(start + TIMESTAMP.length, end)
      if (timestamp.includes('"')) return false
      this.timestamp = flat(timestamp)
    }
    this.#at = end + SEQ.length
    this.seq = this.#integer()
    this.synced = 0
    if (this.#take(SYNCED)) this.synced = this.#integer()
    return Number.isSafeInteger(this.seq) && Number.isSafeInteger(this.synced)
  }

  #readKey(bytes: Buffer, isAscii: boolean): boolean {
    this.isDelete = !this.#take(SET)
    if (this.isDelete && !this.#take(DELETE)) return false
    const start = this.#at
    const end = this.#text.indexOf('"', start)
    if (end === -1) return false
    // Made from the bytes: a slice of the text would keep the whole text in memory.
    const key = bytes.toString(isAscii ? 'latin1' : 'utf8', start, end)
    if (key.includes('\\')) return false
    this.key = key
    this.keyBytes = end - start
    this.#at = end + 1
    return true
  }

  #readRest(start: number, end: number): boolean {
    this.expires = undefined
    this.encoding = undefined
    this.valueStart = 0
    this.valueBytes = 0
    if (this.isDelete) return this.#at === end
    if (!this.#take(VALUE)) {
      if (this.#take(EXPIRES)) this.expires = this.#integer()
      if (this.#take(ENCODING)) {
        if (this.#take('text"')) this.encoding = 'text'
        else if (this.#take('base64"')) this.encoding = 'base64'
        else return false
      }
      if (!this.#take(VALUE)) return false
    }
    this.valueStart = this.#at - start
    this.valueBytes = end - this.#at
    return this.valueBytes >= 0 && (this.expires === undefined || Number.isSafeInteger(this.expires))
  }

  #take(literal: string): boolean {
    if (!this.#text.startsWith(literal, this.#at)) return false
    this.#at += literal.length
    return true
  }

  /** The number that comes next; NaN if there are no digits. */
  #integer(): number {
    const start = this.#at
    let value = 0
    for (;;) {
      const digit = this.#text.charCodeAt(this.#at) - 0x30
      if (!(digit >= 0 && digit <= 9)) return this.#at === start ? Number.NaN : value
      value = value * 10 + digit
      this.#at++
    }
  }
}

/** A copy of a slice of a text that does not keep the whole text in memory. */
function flat(slice: string): string {
  return Buffer.from(slice, 'latin1').toString('latin1')
}
