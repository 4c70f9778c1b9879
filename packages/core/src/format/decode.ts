import { CHECKSUM_BYTES, validChecksum } from './checksum.js'
import { endOfString, endOfValue, sliceObject, unquote } from './json-text.js'
import { metaOf, NO_META, type PartMeta } from './part-meta.js'
import {
  type DeleteOperation,
  FORMAT,
  type HeaderLine,
  type IndexLine,
  type IndexRow,
  type LogRecord,
  type Operation,
  type PartLine,
  type PartValue,
  type SetOperation,
} from './record.js'
import type { Encoding, ValueText } from './value.js'

/**
 * A decoded line of a version 1 file. `bad`: its checksum does not match. `newer`: its checksum matches, but this
 * version does not know what it contains.
 */
export type Line =
  | LogRecord
  | HeaderLine
  | PartLine
  | IndexLine
  | { readonly kind: 'bad' }
  | { readonly kind: 'newer'; readonly what: string }

const BAD: Line = { kind: 'bad' }

/**
 * Decodes any line; no line makes it throw. `valueStarts` gets the byte of the line at which the text of each value
 * of a record begins, in the order of its operations.
 */
export function decodeLine(line: Buffer, valueStarts?: number[]): Line {
  const crc = validChecksum(line)
  if (crc === undefined) return BAD
  const text = line.toString('utf8', 0, line.length - CHECKSUM_BYTES)
  try {
    const scanned = new LineScanner(text, crc, valueStarts).scan()
    if (valueStarts && text.length !== line.length - CHECKSUM_BYTES) toBytes(text, valueStarts)
    return scanned
  } catch (error) {
    // The checksum proves that the bytes are as they were written, so the writer was another version.
    return { kind: 'newer', what: error instanceof Unexpected ? error.message : 'invalid JSON' }
  }
}

/** Converts places in a text to places in its UTF-8 bytes. */
function toBytes(text: string, places: number[]): void {
  let [character, byte] = [0, 0]
  for (const [at, place] of places.entries()) {
    byte += Buffer.byteLength(text.slice(character, place))
    character = place
    places[at] = byte
  }
}

/** A line has something that this version does not know. The message names it. */
class Unexpected extends Error {}

/** Reads the fields of a line in their fixed order. */
class LineScanner {
  #at = 0

  constructor(
    private readonly text: string,
    private readonly crc: string,
    private readonly valueStarts: number[] | undefined,
  ) {}

  scan(): Line {
    this.#expect('{"timestamp":')
    const timestamp = this.#string()
    // This is the line of a mark. In a log it is garbage, not the line of a newer version.
    if (this.#take(',"format":')) return BAD
    this.#expect(',"seq":')
    const seq = this.#integer()
    const synced = this.#take(',"synced":') ? this.#integer() : undefined
    this.#expect(',"op":')
    const op = this.#string()
    if (op === 'CHECKPOINT') return this.#checkpoint(timestamp, seq)
    const operation = this.#operation(op)
    this.#expectEnd()
    return { kind: 'record', timestamp, seq, synced, operation, crc: this.crc }
  }

  #operation(op: string): Operation {
    if (op === 'BATCH') return this.#batch()
    if (op === 'SET' && this.#take(',"data":')) return { kind: 'replace', data: this.#pairs() }
    if (op === 'DELETE' && this.#take(',"prefix":')) return { kind: 'clear', prefix: this.#string() }
    return this.#keyed(op, () => this.text.length)
  }

  #keyed(op: string, endOfLast: () => number): SetOperation | DeleteOperation {
    if (op !== 'SET' && op !== 'DELETE') throw new Unexpected(`the operation ${JSON.stringify(op)}`)
    this.#expect(',"key":')
    const key = this.#string()
    if (op === 'DELETE') return { kind: 'delete', key }
    const expires = this.#take(',"expires":') ? this.#integer() : undefined
    const encoding = this.#take(',"encoding":') ? this.#encoding() : undefined
    this.#expect(',"value":')
    this.valueStarts?.push(this.#at)
    const text = this.text.slice(this.#at, endOfLast())
    this.#at += text.length
    return { kind: 'set', key, value: { text, encoding }, expires }
  }

  #batch(): Operation {
    const operations: (SetOperation | DeleteOperation)[] = []
    this.#expect(',"ops":[')
    while (!this.#take(']')) {
      if (operations.length) this.#expect(',')
      this.#expect('{"op":')
      operations.push(this.#keyed(this.#string(), () => endOfValue(this.text, this.#at)))
      this.#expect('}')
    }
    return { kind: 'batch', operations }
  }

  #checkpoint(timestamp: string, seq: number): Line {
    if (this.#take(',"format":')) return this.#header(timestamp, seq)
    if (this.#take(',"part":true')) return this.#part(timestamp, seq)
    this.#expect(',"index":')
    const rows = (JSON.parse(this.text.slice(this.#at)) as unknown[]).map(toRow)
    return { kind: 'index', timestamp, seq, rows, crc: this.crc }
  }

  #header(timestamp: string, seq: number): Line {
    const format = this.#integer()
    if (format > FORMAT) throw new Unexpected(`format ${format}`)
    this.#expect(',"store":')
    const store = this.#string()
    this.#expect(',"indexAt":')
    const indexAt = Number(this.#string())
    this.#expect(',"state":')
    const state = this.#pairs().map(([key, value]) => ({ key, value }))
    this.#expect(',"compactedAt":')
    const compactedAt = this.#string()
    this.#expectEnd()
    if (!Number.isSafeInteger(indexAt)) throw new Unexpected('an indexAt that is not a number')
    return { kind: 'header', timestamp, seq, store, indexAt, state, compactedAt, crc: this.crc }
  }

  #part(timestamp: string, seq: number): Line {
    const start = this.#take(',"meta":') ? this.#at : -1
    if (start !== -1) this.#at = endOfValue(this.text, start)
    const meta = start === -1 ? NO_META : (JSON.parse(this.text.slice(start, this.#at)) as PartMeta)
    this.#expect(',"state":')
    const state = withMeta(this.#pairs(), meta, Date.parse(timestamp))
    this.#expectEnd()
    return { kind: 'part', timestamp, seq, state, crc: this.crc }
  }

  #pairs(): [key: string, value: ValueText][] {
    if (this.text[this.#at] !== '{') throw new Unexpected('a state that is not an object')
    const pairs: [string, ValueText][] = []
    this.#at = sliceObject(this.text, this.#at, (key, text, start) => {
      pairs.push([key, { text }])
      this.valueStarts?.push(start)
    })
    return pairs
  }

  #take(literal: string): boolean {
    if (!this.text.startsWith(literal, this.#at)) return false
    this.#at += literal.length
    return true
  }

  #expect(literal: string): void {
    if (!this.#take(literal)) throw new Unexpected(`something other than ${literal} at character ${this.#at}`)
  }

  #expectEnd(): void {
    if (this.#at !== this.text.length) throw new Unexpected(`an unknown field at character ${this.#at}`)
  }

  #string(): string {
    const end = this.text[this.#at] === '"' ? endOfString(this.text, this.#at) : -1
    if (end === -1) throw new Unexpected(`something other than a string at character ${this.#at}`)
    const value = unquote(this.text.slice(this.#at, end))
    this.#at = end
    return value
  }

  #integer(): number {
    let end = this.#at
    while (this.text.charCodeAt(end) >= 0x30 && this.text.charCodeAt(end) <= 0x39) end++
    const value = end === this.#at ? Number.NaN : Number(this.text.slice(this.#at, end))
    if (!Number.isSafeInteger(value))
      throw new Unexpected(`something other than a whole number at character ${this.#at}`)
    this.#at = end
    return value
  }

  #encoding(): Encoding {
    const encoding = this.#string()
    if (encoding !== 'text' && encoding !== 'base64') throw new Unexpected(`the encoding ${JSON.stringify(encoding)}`)
    return encoding
  }
}

function withMeta(pairs: [string, ValueText][], meta: PartMeta, timestampMs: number): PartValue[] {
  const dated = { ...meta, timestampMs }
  return pairs.map(([key, { text }], position) => {
    const { expires, encoding, time } = metaOf(dated, key, position)
    return { key, value: { text, encoding }, expires, time }
  })
}

function toRow(row: unknown): IndexRow {
  if (!Array.isArray(row) || row.length < 6) throw new Unexpected('an index row of another form')
  const [firstKey, offset, keys, minExpires, maxExpires, crc] = row
  return { firstKey, offset, keys, minExpires, maxExpires, crc }
}
