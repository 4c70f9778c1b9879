import { endOfValue, oneLine, sliceObject } from '../format/json-text.js'
import type { Operation } from '../format/record.js'
import type { ValueText } from '../format/value.js'

/**
 * Lines as the original system wrote them: `JSON.stringify` of an object with `timestamp` and `op`, without seq and
 * checksum, a CHECKPOINT with the whole state. They are read as they are and never written.
 */
export type OlderLine =
  | { readonly kind: 'older'; readonly timestamp: string; readonly operation: Operation }
  | {
      readonly kind: 'older-checkpoint'
      readonly timestamp: string
      readonly compactedAt: string | undefined
      readonly state: readonly (readonly [string, ValueText])[]
    }
  | { readonly kind: 'bad' }

export function decodeOlderLine(line: Buffer): OlderLine {
  const text = line.toString('utf8')
  const fields = new Map<string, string>()
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return { kind: 'bad' }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return { kind: 'bad' }
  sliceObject(text, text.indexOf('{'), (key, value) => fields.set(key, value))
  const { timestamp, op, key, compactedAt, seq } = parsed as Record<string, unknown>
  // A line of version 1 whose checksum cannot be found is a damaged one; it must not pass for one that never had any.
  if (seq !== undefined) return { kind: 'bad' }
  const time = typeof timestamp === 'string' ? timestamp : ''

  if (op === 'CHECKPOINT') {
    const state = objectPairs(fields.get('state'))
    const at = typeof compactedAt === 'string' ? compactedAt : undefined
    return state ? { kind: 'older-checkpoint', timestamp: time, compactedAt: at, state } : { kind: 'bad' }
  }
  const operation = olderOperation(op, key, fields)
  return operation ? { kind: 'older', timestamp: time, operation } : { kind: 'bad' }
}

function olderOperation(op: unknown, key: unknown, fields: Map<string, string>): Operation | undefined {
  if (op === 'DELETE' && typeof key === 'string') return { kind: 'delete', key }
  if (op !== 'SET') return undefined
  if (typeof key === 'string') {
    const value = fields.get('value')
    // A value of undefined was left out by JSON.stringify; reading it back gave undefined, which is no value.
    return value === undefined ? { kind: 'delete', key } : { kind: 'set', key, value: { text: oneLine(value) } }
  }
  const data = objectPairs(fields.get('data'))
  return data && { kind: 'replace', data }
}

/** The keys and values of an object's text; undefined if it is none. A doubled key counts with its last value. */
export function objectPairs(json: string | undefined): [string, ValueText][] | undefined {
  const start = json?.search(/\S/) ?? -1
  if (json === undefined || json[start] !== '{') return undefined
  const pairs = new Map<string, ValueText>()
  const end = sliceObject(json, start, (key, text) => pairs.set(key, { text: oneLine(text) }))
  return end >= endOfValue(json, start) ? [...pairs] : undefined
}
