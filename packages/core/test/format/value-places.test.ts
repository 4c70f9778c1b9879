import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  CHECKSUM_BYTES,
  decodeLine,
  encodeHeader,
  encodeOperation,
  fromText,
  fromValue,
  type Operation,
  valueOffsets,
} from '../support/core.js'
import { anyOperation, anySeq, partLine, recordLine, TIME } from './support.js'

/** The offsets of the values of a record, from which they are read again. */

/** The texts of the values, in the order of the operations. */
function textsOf(operation: Operation): string[] {
  switch (operation.kind) {
    case 'set':
      return [operation.value.text]
    case 'replace':
      return operation.data.map(([, { text }]) => text)
    case 'batch':
      return operation.operations.flatMap(textsOf)
    default:
      return []
  }
}

function expectAt(line: Buffer, places: readonly number[], texts: readonly string[]): void {
  expect(places).toHaveLength(texts.length)
  for (const [at, text] of texts.entries()) {
    const place = places[at] as number
    const found = line.toString('utf8', place, place + Buffer.byteLength(text))
    if (found !== text) expect(found).toBe(text)
  }
}

/** A record of one value ends with it, so `encodeOperation` does not report its start. */
function encodeWithStarts(operation: Operation): { encoded: string; starts: number[] } {
  const starts: number[] = []
  const encoded = encodeOperation(operation, starts)
  if (operation.kind === 'set') starts.push(encoded.length - operation.value.text.length)
  return { encoded, starts }
}

const anySynced = fc.option(fc.nat(), { nil: undefined })

describe('the values of a record', () => {
  it('are found in its text when it is encoded', () => {
    fc.assert(
      fc.property(anyOperation, (operation) => {
        const { encoded, starts } = encodeWithStarts(operation)
        const texts = textsOf(operation)
        expect(starts).toHaveLength(texts.length)
        for (const [at, text] of texts.entries()) expect(encoded.startsWith(text, starts[at])).toBe(true)
        // Each begins after the end of the one before, so none is mistaken for another with the same text.
        for (const [at, start] of starts.slice(1).entries()) {
          expect(start).toBeGreaterThan((starts[at] as number) + (texts[at] as string).length)
        }
      }),
      { numRuns: 400 },
    )
  })

  it('are found in its line when it is decoded', () => {
    fc.assert(
      fc.property(anyOperation, anySeq, anySynced, (operation, seq, synced) => {
        const line = Buffer.from(recordLine(TIME, seq, synced, encodeOperation(operation)))
        const starts: number[] = []
        expect(decodeLine(line, starts)).toMatchObject({ kind: 'record', operation })
        expectAt(line, starts, textsOf(operation))
        expect(decodeLine(line)).toEqual(decodeLine(line, []))
      }),
      { numRuns: 400 },
    )
  })

  it('are found in the file after other records, ASCII or not', () => {
    fc.assert(
      fc.property(
        fc.array(anyOperation, { minLength: 1, maxLength: 4 }),
        anySeq,
        anySynced,
        (operations, seq, synced) => {
          let file = Buffer.from('{"a":"é"}\n')
          for (const [at, operation] of operations.entries()) {
            const { encoded, starts: valueStarts } = encodeWithStarts(operation)
            const line = Buffer.from(recordLine(TIME, seq, at === 0 ? synced : undefined, encoded))
            file = Buffer.concat([file, line])
            const encodedEnd = file.length - CHECKSUM_BYTES
            const isAscii = line.every((byte) => byte < 0x80)
            // An ASCII record may have been written together with others.
            for (const isKnown of isAscii ? [true, false] : [false]) {
              const offsets = valueOffsets({ operation, encoded, valueStarts, encodedEnd, isAscii: isKnown })
              expectAt(file, offsets, textsOf(operation))
            }
            file = Buffer.concat([file, Buffer.from('\n')])
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('are none for a record without values', () => {
    const none: Operation[] = [
      { kind: 'delete', key: 'é' },
      { kind: 'clear', prefix: 'é' },
      { kind: 'replace', data: [] },
      { kind: 'batch', operations: [] },
      { kind: 'batch', operations: [{ kind: 'delete', key: '"value":1' }] },
    ]
    for (const operation of none) expect(encodeWithStarts(operation).starts).toEqual([])
  })

  it('are distinguished even if their texts contain each other', () => {
    const set = (text: string) => ({ kind: 'set' as const, key: 'k', value: fromText('', text) })
    const operation: Operation = {
      kind: 'batch',
      operations: [set('{"value":1}'), { kind: 'delete', key: 'k' }, set('1'), set('"é,\\"value\\":1"'), set('1')],
    }
    const line = Buffer.from(recordLine(TIME, 1, undefined, encodeOperation(operation)))
    const starts: number[] = []
    decodeLine(line, starts)
    expectAt(line, starts, textsOf(operation))
    expect(new Set(starts).size).toBe(4)
  })
})

describe('the values of a checkpoint', () => {
  it('are found in its header and parts', () => {
    const state = ['é', 'b', 'ü'].map((key, number) => ({ key, value: fromValue('', [key, number, '日本']) }))
    const texts = state.map(({ value }) => value.text)
    const head = { timestamp: TIME, seq: 1, store: 's', indexAt: 0, state, compactedAt: TIME }
    for (const text of [partLine(TIME, 0, 1, state), encodeHeader(head)]) {
      const starts: number[] = []
      decodeLine(Buffer.from(text), starts)
      expectAt(Buffer.from(text), starts, texts)
    }
  })
})
