import { oneLine, sliceObject } from '../format/json-text.js'
import type { Operation } from '../format/record.js'
import type { ValueText } from '../format/value.js'

/**
 * A line of format 0: the JSON of an object with `timestamp` and `op`, without `seq` and `crc`. A CHECKPOINT has the
 * whole state. Such lines are read and never written.
 */
export type LegacyLine =
  | { readonly kind: 'record'; readonly timestamp: string; readonly operation: LegacyOperation }
  | {
      readonly kind: 'checkpoint'
      readonly timestamp: string
      readonly compactedAt: string | undefined
      readonly state: readonly LegacyPair[]
    }

type LegacyOperation = Extract<Operation, { kind: 'set' | 'delete' | 'replace' }>

export type LegacyPair = readonly [key: string, value: ValueText]

/** Decodes a line without its newline. Returns undefined for any other line. */
export function decodeLegacyLine(line: Buffer): LegacyLine | undefined {
  const text = line.toString('utf8')
  const parsed = parseObject(text)
  // A damaged line of version 1 has a seq. It must not pass for a line of format 0, which never has a checksum.
  if (!parsed || parsed.seq !== undefined) return undefined
  const fields = new Map<string, string>()
  sliceObject(text, text.indexOf('{'), (name, value) => fields.set(name, value))
  const timestamp = typeof parsed.timestamp === 'string' ? parsed.timestamp : ''

  if (parsed.op === 'CHECKPOINT') {
    const state = pairsOf(fields.get('state'))
    const compactedAt = typeof parsed.compactedAt === 'string' ? parsed.compactedAt : undefined
    return state && { kind: 'checkpoint', timestamp, compactedAt, state }
  }
  const operation = operationOf(parsed, fields)
  return operation && { kind: 'record', timestamp, operation }
}

function operationOf(parsed: Record<string, unknown>, fields: Map<string, string>): LegacyOperation | undefined {
  const { op, key } = parsed
  if (op === 'DELETE') return typeof key === 'string' ? { kind: 'delete', key } : undefined
  if (op !== 'SET') return undefined
  if (typeof key === 'string') {
    const value = fields.get('value')
    // JSON.stringify leaves out a value of undefined, and the key read back as undefined: as if it were deleted.
    return value === undefined ? { kind: 'delete', key } : { kind: 'set', key, value: { text: oneLine(value) } }
  }
  const data = pairsOf(fields.get('data'))
  return data && { kind: 'replace', data }
}

/** Decodes the text of a JSON object, such as a main file. Returns undefined if it is not one. */
export function decodePairs(json: string): LegacyPair[] | undefined {
  return parseObject(json) && pairsOf(json)
}

/** The text must be JSON. Of a key that occurs twice, the last value counts, as in `JSON.parse`. */
function pairsOf(json: string | undefined): LegacyPair[] | undefined {
  const start = json?.search(/\S/) ?? -1
  if (json?.[start] !== '{') return undefined
  const pairs = new Map<string, ValueText>()
  sliceObject(json, start, (key, text) => pairs.set(key, { text: oneLine(text) }))
  return [...pairs]
}

function parseObject(json: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(json)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
