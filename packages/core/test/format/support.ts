import fc from 'fast-check'
import {
  type DeleteOperation,
  encodePart,
  encodeRecord,
  fromBytes,
  fromText,
  fromValue,
  IndexLineWriter,
  type IndexRow,
  type Operation,
  type PartValue,
  type SetOperation,
  spellPair,
  type ValueText,
} from '../support/core.js'

/** CRC-32 bit by bit, from its definition, independent of the code under test. */
export function crc32(bytes: Uint8Array): string {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0')
}

/** A line of the format: the text and its checksum. */
export function line(body: string): string {
  return `${body},"crc":"${crc32(Buffer.from(body))}"}`
}

/** A record with its checksum. */
export function recordLine(timestamp: string, seq: number, synced: number | undefined, operation: string): string {
  return line(encodeRecord(timestamp, seq, synced, operation))
}

/** An index line without its newline. */
export function indexLine(timestamp: string, seq: number, rows: readonly IndexRow[]): string {
  const index = new IndexLineWriter(timestamp, seq)
  for (const row of rows) index.add(row)
  const { chunks, crc } = index.end()
  const text = Buffer.concat(chunks).toString().slice(0, -1)
  if (!text.endsWith(`"${crc}"}`)) throw new Error('end() returned the wrong checksum')
  return text
}

/** A part with its checksum. */
export function partLine(timestamp: string, timestampMs: number, seq: number, state: readonly PartValue[]): string {
  return line(encodePart(timestamp, timestampMs, seq, state.map(spellPair)))
}

export const TIME = '2025-01-15T12:34:56.789Z'

/** Strings that have broken key-value stores. */
const AWKWARD = [
  '',
  '__proto__',
  'constructor',
  'toString',
  'a:b',
  '..',
  'CON',
  '\ud800',
  '\udc00\ud800',
  '👩‍🚀',
  '\u2028\u2029',
  '\u0085',
  '\ufeff',
  '\r\n',
  '\n',
  '\0',
  '\u001f\u007f',
  '"\\"\\\\"',
  '","crc":"00000000"}',
  '10',
  '9',
  'k'.repeat(10 * 1024),
  '\u00e9'.repeat(5 * 1024),
]

/** Any string, also with lone surrogates. */
export const anyString = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...AWKWARD) },
  { weight: 2, arbitrary: fc.string() },
  { weight: 2, arbitrary: fc.string({ unit: 'binary' }) },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 30 })
      .map((units) => String.fromCharCode(...units)),
  },
)

export const anyJson = fc.jsonValue({ maxDepth: 4 })

/** Texts for setText: JSON in every form, almost JSON, and anything else. */
export const anyText = fc.oneof(
  { weight: 3, arbitrary: anyString },
  { weight: 2, arbitrary: fc.json() },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.jsonValue(), fc.constantFrom(' ', '  ', '\t', '\n'))
      .map(([value, space]) => JSON.stringify(value, null, space)),
  },
  { weight: 1, arbitrary: fc.json().map((json) => json.slice(0, -1)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('', ' ', '\t', '\n', '\r', '\ufeff', '\u2028'),
        fc.json(),
        fc.constantFrom('', ' ', '\t', '\n', '\r', '\ufeff', '\u2029'),
      )
      .map((pieces) => pieces.join('')),
  },
)

export const anyValueText: fc.Arbitrary<ValueText> = fc.oneof(
  anyJson.map((value) => fromValue('k', value)),
  anyText.map((text) => fromText('k', text)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => fromBytes('k', bytes)),
)

export const anyExpiry = fc.option(fc.integer({ min: 0, max: 8.64e15 }), { nil: undefined })

const anySet: fc.Arbitrary<SetOperation> = fc.record({
  kind: fc.constant('set' as const),
  key: anyString,
  value: anyValueText,
  expires: anyExpiry,
})
const anyDelete: fc.Arbitrary<DeleteOperation> = fc.record({ kind: fc.constant('delete' as const), key: anyString })

export const anyOperation: fc.Arbitrary<Operation> = fc.oneof(
  anySet,
  anyDelete,
  anyString.map((prefix) => ({ kind: 'clear' as const, prefix })),
  fc
    .array(
      fc.tuple(
        anyString,
        anyJson.map((value) => fromValue('k', value)),
      ),
      { maxLength: 6 },
    )
    .map((data) => ({ kind: 'replace' as const, data })),
  fc.array(fc.oneof(anySet, anyDelete), { maxLength: 6 }).map((operations) => ({ kind: 'batch' as const, operations })),
)

export const anySeq = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
