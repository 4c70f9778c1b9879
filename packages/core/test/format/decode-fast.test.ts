import { isAscii } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  decodeLine,
  encodeOperation,
  formatChecksum,
  fromBytes,
  fromText,
  fromValue,
  type Operation,
  PlainRecord,
} from '../support/core.js'
import { recordLine } from './support.js'

/** The fast decoder must agree with the slow one. */

const TIME = '2025-01-15T12:34:56.789Z'
const anyKey = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', '__proto__', '"', '\\', '\u2028', 'ä'),
)
const anyValue = fc.oneof(
  fc.jsonValue().map((value) => fromValue('', value)),
  fc.string({ unit: 'grapheme' }).map((text) => fromText('', text)),
  fc.uint8Array().map((bytes) => fromBytes('', bytes)),
)
const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      key: anyKey,
      value: anyValue,
      expires: fc.option(fc.nat(), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: anyKey }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), prefix: anyKey }) },
)

/** Reads the line in place between two others. */
function read(record: PlainRecord, line: Buffer): boolean {
  const bytes = Buffer.concat([Buffer.from('{"crc":"ä"}\n'), line, Buffer.from('\n{')])
  const start = bytes.indexOf(0x0a) + 1
  const found = record.read({ bytes, text: bytes.toString('latin1'), isAscii: false }, start, start + line.length)
  if (!isAscii(line)) return found
  const other = new PlainRecord()
  const ascii = { bytes: line, text: line.toString('latin1'), isAscii: true }
  expect(other.read(ascii, 0, line.length)).toBe(found)
  if (found) expect(plainly(other, line)).toEqual(plainly(record, line))
  return found
}

/** The result of the fast decoder in the form of `decoded`. */
function plainly(record: PlainRecord, line: Buffer) {
  const { timestamp, seq, synced, isDelete, key, keyBytes, expires, encoding, valueStart, valueBytes } = record
  expect(keyBytes).toBe(Buffer.byteLength(key))
  const crc = formatChecksum(record.crc)
  const text = line.toString('utf8', valueStart, valueStart + valueBytes)
  return { timestamp, seq, synced, crc, key, ...(isDelete ? {} : { expires, encoding, text, valueStart }) }
}

function decoded(line: Buffer) {
  const valueStarts: number[] = []
  const record = decodeLine(line, valueStarts)
  if (record.kind !== 'record') return undefined
  const { timestamp, seq, synced = 0, crc, operation } = record
  if (operation.kind === 'delete') return { timestamp, seq, synced, crc, key: operation.key }
  if (operation.kind !== 'set') return undefined
  const { key, expires, value } = operation
  const [valueStart] = valueStarts
  return { timestamp, seq, synced, crc, key, expires, encoding: value.encoding, text: value.text, valueStart }
}

test('a record is read as the slow decoder reads it, or left to the slow decoder', () => {
  const plain = new PlainRecord()
  let plainOnes = 0
  fc.assert(
    fc.property(anyOperation, fc.nat(), fc.option(fc.nat(), { nil: undefined }), (operation, seq, synced) => {
      const line = Buffer.from(recordLine(TIME, seq, synced, encodeOperation(operation)))
      if (!read(plain, line)) return
      plainOnes++
      expect(plainly(plain, line)).toEqual(decoded(line))
    }),
    { numRuns: 3000 },
  )
  expect(plainOnes).toBeGreaterThan(1000)
})

test('a line with any byte changed is refused', () => {
  const plain = new PlainRecord()
  const line = Buffer.from(
    recordLine(TIME, 7, 6, encodeOperation({ kind: 'set', key: 'k', value: fromValue('', [1]) })),
  )
  for (let at = 0; at < line.length; at++) {
    const changed = Buffer.from(line)
    changed[at] = (changed[at] as number) ^ 1
    expect(read(plain, changed), `byte ${at}`).toBe(false)
  }
})

test('a line of another form is left to the slow decoder, even if its checksum matches', () => {
  const plain = new PlainRecord()
  const withEnd = (body: string) => Buffer.from(recordLine(TIME, 1, undefined, body))
  const others = [
    '"op":"SET","data":{"a":1}',
    '"op":"BATCH","ops":[]',
    '"op":"DELETE","prefix":"a"',
    '"op":"DELETE","key":"a","more":1',
    '"op":"SET","key":"a","encoding":"other","value":1',
    '"op":"SET","key":"a","expires":,"value":1',
    '"op":"SET","key":"a"',
    '"op":"CHECKPOINT","part":true',
    '"op":"SET","key":"a\\n","value":1',
  ]
  for (const other of others) expect(read(plain, withEnd(other)), other).toBe(false)
})

test('a bad timestamp is refused the second time as well', () => {
  const plain = new PlainRecord()
  const line = Buffer.from(recordLine('2025-01-15T12:34:56"789Z', 1, undefined, '"op":"DELETE","key":"a"'))
  for (let time = 0; time < 2; time++) expect(read(plain, line)).toBe(false)
})
