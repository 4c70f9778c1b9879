import { withChecksum } from './checksum.js'
import { quote } from './json-text.js'
import {
  type DeleteOperation,
  FORMAT,
  type HeaderLine,
  type Operation,
  type PartValue,
  type SetOperation,
  type SpelledPair,
} from './record.js'
import type { ValueText } from './value.js'

/** Encodes records and checkpoints as lines, without the newline. The order of the fields is part of the format. */

/**
 * The text of a record from `"op"` on, which does not depend on the record's place in the log. `valueStarts` gets the
 * place in it where the text of each value of a batch or replace begins; a single value ends the text.
 */
export function encodeOperation(operation: Operation, valueStarts?: number[]): string {
  switch (operation.kind) {
    case 'set':
    case 'delete':
      return encodeKeyed(operation)
    case 'clear':
      return `"op":"DELETE","prefix":${quote(operation.prefix)}`
    case 'replace':
      return encodeData(operation.data, valueStarts)
    case 'batch':
      return encodeSteps(operation.operations, valueStarts)
  }
}

function encodeData(data: readonly (readonly [key: string, value: ValueText])[], valueStarts?: number[]): string {
  let text = '"op":"SET","data":{'
  let separator = ''
  for (const [key, value] of data) {
    text += `${separator}${quote(key)}:`
    valueStarts?.push(text.length)
    text += value.text
    separator = ','
  }
  return `${text}}`
}

function encodeSteps(steps: readonly (SetOperation | DeleteOperation)[], valueStarts?: number[]): string {
  let text = '"op":"BATCH","ops":['
  let separator = '{'
  for (const step of steps) {
    text += separator + encodeKeyed(step)
    if (step.kind === 'set') valueStarts?.push(text.length - step.value.text.length)
    text += '}'
    separator = ',{'
  }
  return `${text}]`
}

function encodeKeyed(operation: SetOperation | DeleteOperation): string {
  if (operation.kind === 'delete') return `"op":"DELETE","key":${quote(operation.key)}`
  const { key, value, expires } = operation
  return (
    `"op":"SET","key":${quote(key)}` +
    (expires === undefined ? '' : `,"expires":${expires}`) +
    (value.encoding === undefined ? '' : `,"encoding":"${value.encoding}"`) +
    `,"value":${value.text}`
  )
}

/** A record without its checksum. `operation` comes from `encodeOperation`. */
export function encodeRecord(timestamp: string, seq: number, syncedSeq: number | undefined, operation: string): string {
  const synced = syncedSeq === undefined ? '' : `"synced":${syncedSeq},`
  return `{"timestamp":"${timestamp}","seq":${seq},${synced}${operation}`
}

/** A fixed width, so that the length of a header is known before the place of the index is. */
const INDEX_AT_DIGITS = 15

export function encodeHeader(header: Omit<HeaderLine, 'kind' | 'crc'>): string {
  return withChecksum(
    `{"timestamp":"${header.timestamp}","seq":${header.seq},"op":"CHECKPOINT","format":${FORMAT},` +
      `"store":"${header.store}","indexAt":"${String(header.indexAt).padStart(INDEX_AT_DIGITS, '0')}",` +
      `"state":{${header.state.map(encodePair).join(',')}},"compactedAt":"${header.compactedAt}"`,
  )
}

/** `"key":value`, as in a header or a part. */
export function encodePair({ key, value }: PartValue): string {
  return `${quote(key)}:${value.text}`
}

export function spellPair(pair: PartValue): SpelledPair {
  const { key, value, expires, time } = pair
  const spelled = encodePair(pair)
  return { key, spelled, bytes: Buffer.byteLength(spelled), encoding: value.encoding, expires, time }
}

/** A part without its checksum. */
export function encodePart(timestamp: string, timestampMs: number, seq: number, state: readonly SpelledPair[]): string {
  let text =
    `{"timestamp":"${timestamp}","seq":${seq},"op":"CHECKPOINT","part":true,` +
    `"meta":{${encodeMeta(state, timestampMs)}},"state":{`
  let separator = ''
  for (const { spelled } of state) {
    text += separator + spelled
    separator = ','
  }
  return `${text}}`
}

/** `expires` and `encoding` of the keys that have them, and `ages` in key order if the store keeps times. */
function encodeMeta(state: readonly SpelledPair[], timestampMs: number): string {
  const expires: string[] = []
  const encoding: string[] = []
  let isTimed = false
  for (const pair of state) {
    if (pair.expires !== undefined) expires.push(`${quote(pair.key)}:${pair.expires}`)
    if (pair.encoding !== undefined) encoding.push(`${quote(pair.key)}:"${pair.encoding}"`)
    if (pair.time !== undefined) isTimed = true
  }
  const fields: string[] = []
  if (expires.length) fields.push(`"expires":{${expires.join(',')}}`)
  if (encoding.length) fields.push(`"encoding":{${encoding.join(',')}}`)
  if (isTimed) {
    const ages = state.map(({ time }) => (time === undefined ? 'null' : timestampMs - time))
    fields.push(`"ages":[${ages.join(',')}]`)
  }
  return fields.join(',')
}
