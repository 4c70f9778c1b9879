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

/** Bytes of a file, and the same as Latin-1, in which a character is a byte. */
export interface BytesAndText {
  readonly bytes: Buffer
  readonly text: string
  /** No byte is above 0x7f. */
  readonly isAscii: boolean
}

/**
 * The records of which nearly all of a log consists: a SET or DELETE of one key that is spelled as it reads. A store is
 * opened as fast as they are read, mostly before anything of this has been optimized, so they are taken apart where they
 * stand among others: without an object for each thing that they say, and in few steps that each do much. Whatever is
 * not exactly of this shape is left to `decodeLine`.
 */
export class PlainRecord {
  timestamp = ''
  seq = 0
  /** 0 where the record does not say. */
  synced = 0
  /** The line's checksum as a number. */
  crc = 0
  isDelete = false
  key = ''
  /** How many the key has in the line. */
  keyBytes = 0
  expires: number | undefined
  encoding: Encoding | undefined
  /** Bytes from the start of the line to the value's text, and how many it has; 0 for a DELETE. */
  valueStart = 0
  valueBytes = 0
  #text = ''
  #at = 0

  /** The line from `start` to `end`, where its newline is. False where it is no such record; the fields are of no use then. */
  read(from: BytesAndText, start: number, end: number): boolean {
    const stop = end - CHECKSUM_BYTES
    if (stop <= start) return false
    const { text, bytes, isAscii } = from
    // Of ASCII the text is as good, and a slice of it costs less than one of the bytes.
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
    // Many records bear the time of the one ahead.
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
    // From the bytes: a slice of the text would keep all of it.
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

  /** NaN where there are no digits. */
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

/** A copy that does not keep what it was cut out of. */
function flat(slice: string): string {
  return Buffer.from(slice, 'latin1').toString('latin1')
}
