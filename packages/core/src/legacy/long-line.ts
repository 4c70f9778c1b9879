import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { HELD_LINE_BYTES, MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import { type FileRange, type Member, readMembers } from './json-members.js'

/**
 * What a line of the original system says that is too long to be held: as `OlderLine`, with the places in the file where
 * its value or its state stands.
 */
export type LongLine =
  | { readonly kind: 'bad' }
  | { readonly kind: 'delete'; readonly key: string; readonly timestamp: string }
  | { readonly kind: 'set'; readonly key: string; readonly timestamp: string; readonly value: FileRange }
  /** A CHECKPOINT, or a SET with data: whether it is the one or the other makes no difference to the state. */
  | { readonly kind: 'replace'; readonly timestamp: string; readonly state: FileRange }

interface Field extends FileRange {
  /** Undefined where it is too long to be held. */
  readonly text: string | undefined
}

const BAD: LongLine = { kind: 'bad' }

/**
 * Reads the line once, to its end: nothing of it counts that is not part of a whole JSON object. `onStep` is told how far
 * it came.
 */
export async function readLongLine(
  file: OpenFile,
  range: FileRange,
  slices: Slices,
  onStep: (at: number) => void = () => {},
): Promise<LongLine> {
  const fields = new Map<string, Field>()
  const members = readMembers(file, range)
  for (;;) {
    const { done, value } = members.next()
    if (done) return value ? lineOf(file, fields) : BAD
    if (typeof value === 'object') addField(fields, value)
    else {
      onStep(value)
      if (slices.isDue(READ_CHUNK_BYTES)) await slices.pause()
    }
  }
}

const FIELDS = new Set(['timestamp', 'op', 'seq', 'key', 'value', 'data', 'state'])

/** A doubled field counts with its last value, as `JSON.parse` has it. */
function addField(fields: Map<string, Field>, { key, start, end, bytes }: Member): void {
  if (key !== undefined && FIELDS.has(key)) fields.set(key, { start, end, text: bytes?.toString('utf8') })
}

/** The same distinctions as for a line that is held. */
function lineOf(file: OpenFile, fields: Map<string, Field>): LongLine {
  const string = (name: string) => stringOf(file, fields.get(name))
  const [op, key, timestamp = ''] = [string('op'), string('key'), string('timestamp')]
  const value = fields.get('value')
  if (fields.has('seq')) return BAD
  if (op === 'CHECKPOINT') return replaceBy(file, fields.get('state'), timestamp)
  if (op === 'DELETE') return key === undefined ? BAD : { kind: 'delete', key, timestamp }
  if (op !== 'SET') return BAD
  if (key === undefined) return replaceBy(file, fields.get('data'), timestamp)
  return value ? { kind: 'set', key, timestamp, value } : { kind: 'delete', key, timestamp }
}

function replaceBy(file: OpenFile, state: Field | undefined, timestamp: string): LongLine {
  return state && firstByteOf(file, state) === '{' ? { kind: 'replace', timestamp, state } : BAD
}

function firstByteOf(file: OpenFile, { start }: FileRange): string {
  const byte = Buffer.alloc(1)
  file.read(byte, start)
  return byte.toString('latin1')
}

function stringOf(file: OpenFile, field: Field | undefined): string | undefined {
  if (!field) return undefined
  const { start, end, text } = field
  if (text !== undefined) return text.startsWith('"') ? (JSON.parse(text) as string) : undefined
  // A key can be long, and still one that a record may have.
  if (end - start > MAX_READ_RECORD_BYTES || firstByteOf(file, field) !== '"') return undefined
  const bytes = Buffer.alloc(end - start)
  file.read(bytes, start)
  return JSON.parse(bytes.toString('utf8')) as string
}

/** Whether a line was handed over with its bytes, where no longer ones are held. */
export function isHeld({ length }: { readonly length: number }): boolean {
  return length <= HELD_LINE_BYTES
}
