import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeLine } from '../../src/record/decode.js'
import { encodeOperation } from '../../src/record/encode.js'
import { PlainRecord } from '../../src/record/plain-record.js'
import type { Operation } from '../../src/record/record.js'
import { fromBytes, fromText, fromValue } from '../../src/record/value.js'
import { recordLine } from './support.js'

/** Records that are taken apart the short way say the same as those that are decoded. */

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

/** What both ways of reading find, in the same words. */
function plainly(record: PlainRecord, line: Buffer) {
  const { timestamp, seq, synced, crc, isDelete, key, expires, encoding, valueStart, valueBytes } = record
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

test('whatever is written is read as it is decoded, or left to the decoder', () => {
  const plain = new PlainRecord()
  let read = 0
  fc.assert(
    fc.property(anyOperation, fc.nat(), fc.option(fc.nat(), { nil: undefined }), (operation, seq, synced) => {
      const line = Buffer.from(recordLine(TIME, seq, synced, encodeOperation(operation)))
      if (!plain.read(line)) return
      read++
      expect(plainly(plain, line)).toEqual(decoded(line))
    }),
    { numRuns: 3000 },
  )
  expect(read).toBeGreaterThan(1000)
})

test('a line that was changed anywhere is none', () => {
  const plain = new PlainRecord()
  const line = Buffer.from(
    recordLine(TIME, 7, 6, encodeOperation({ kind: 'set', key: 'k', value: fromValue('', [1]) })),
  )
  for (let at = 0; at < line.length; at++) {
    const changed = Buffer.from(line)
    changed[at] = (changed[at] as number) ^ 1
    expect(plain.read(changed), `byte ${at}`).toBe(false)
  }
})

test('a line of another shape is left to the decoder, though its checksum fits', () => {
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
  for (const other of others) expect(plain.read(withEnd(other)), other).toBe(false)
})
