import { CHECKSUM_BYTES, validChecksum } from './checksum.js'
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
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * The records of which nearly all of a log consists: a SET or DELETE of one key that is spelled as it reads. They are
 * taken apart without an object for each thing that they say, since a store is opened as fast as they are read. Whatever
 * is not exactly of this shape is left to `decodeLine`.
 */
export class PlainRecord {
  timestamp = ''
  seq = 0
  /** 0 where the record does not say. */
  synced = 0
  crc = ''
  isDelete = false
  key = ''
  expires: number | undefined
  encoding: Encoding | undefined
  /** Bytes from the start of the line to the value's text, and how many it has; 0 for a DELETE. */
  valueStart = 0
  valueBytes = 0
  #text = ''
  #at = 0

  /** False where the line is no such record; what the fields say is of no use then. */
  read(line: Buffer): boolean {
    const crc = validChecksum(line)
    if (crc === undefined) return false
    // A character for each byte: JSON's own signs are what they are, and what they enclose is cut out of the bytes.
    this.#text = line.toString('latin1')
    this.crc = crc
    return this.#readHead() && this.#readKey(line) && this.#readRest(line.length - CHECKSUM_BYTES)
  }

  #readHead(): boolean {
    const text = this.#text
    if (!text.startsWith(TIMESTAMP) || !text.startsWith(SEQ, TIMESTAMP_END)) return false
    this.timestamp = text.slice(TIMESTAMP.length, TIMESTAMP_END)
    if (this.timestamp.includes('"')) return false
    this.#at = TIMESTAMP_END + SEQ.length
    this.seq = this.#integer()
    this.synced = 0
    if (this.#take(SYNCED)) this.synced = this.#integer()
    return Number.isSafeInteger(this.seq) && Number.isSafeInteger(this.synced)
  }

  #readKey(line: Buffer): boolean {
    this.isDelete = this.#take(DELETE)
    if (!this.isDelete && !this.#take(SET)) return false
    const text = this.#text
    const start = this.#at
    let isAscii = true
    for (;;) {
      const code = text.charCodeAt(this.#at)
      if (code === QUOTE) break
      if (code === BACKSLASH || Number.isNaN(code)) return false
      if (code > 0x7f) isAscii = false
      this.#at++
    }
    // From the bytes: a slice of the text would keep all of the line.
    this.key = line.toString(isAscii ? 'latin1' : 'utf8', start, this.#at)
    this.#at++
    return true
  }

  #readRest(end: number): boolean {
    this.expires = undefined
    this.encoding = undefined
    this.valueStart = 0
    this.valueBytes = 0
    if (this.isDelete) return this.#at === end
    if (this.#take(EXPIRES)) this.expires = this.#integer()
    if (this.#take(ENCODING)) {
      if (this.#take('text"')) this.encoding = 'text'
      else if (this.#take('base64"')) this.encoding = 'base64'
      else return false
    }
    if (!this.#take(VALUE)) return false
    this.valueStart = this.#at
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
