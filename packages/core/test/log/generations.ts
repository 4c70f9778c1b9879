import { recordLine as anyRecordLine } from '../format/support.js'
import {
  type CheckpointFound,
  type CheckpointStart,
  CheckpointWriter,
  decodeLine,
  encodeOperation,
  fromValue,
  type Line,
  type PartSummary,
  type PartTable,
  type PartValue,
  readCheckpoint,
  Slices,
  systemClock,
} from '../support/core.js'
import { MemoryFile } from './memory-file.js'

export const TIME = '2025-01-15T12:34:56.789Z'
export const STORE = '0123456789abcdef'

/** The keys k000, k001, … with values of `valueBytes` bytes. */
export function state(count: number, valueBytes = 1000, prefix = 'k'): PartValue[] {
  return Array.from({ length: count }, (_, number) => ({
    key: `${prefix}${String(number).padStart(3, '0')}`,
    value: fromValue('', `${number} `.padEnd(valueBytes, '.')),
  }))
}

export function writeGeneration(values: readonly PartValue[], more: Partial<CheckpointStart> = {}) {
  const file = new MemoryFile()
  const writer = new CheckpointWriter(file, { seq: 42, store: STORE, timestamp: TIME, stateBytes: 0, ...more })
  for (const value of values) writer.add(value)
  const written = writer.finish()
  return { file, length: written.bytes, written }
}

export const decoded = (line: string | Buffer): Line => decodeLine(Buffer.from(line as string))

/** The line of a DELETE. */
export function recordLine(seq: number, synced?: number): string {
  return anyRecordLine(TIME, seq, synced, encodeOperation({ kind: 'delete', key: 'x' }))
}

/** The line with one bit in its middle flipped. */
export function spoil(line: string): string {
  const middle = line.length >> 1
  return line.slice(0, middle) + String.fromCharCode(line.charCodeAt(middle) ^ 1) + line.slice(middle + 1)
}

/** Reads a checkpoint from a file of these lines. `found`: its state. */
export async function read(
  lines: readonly string[] | MemoryFile,
): Promise<CheckpointFound & { found: Map<string, PartValue> }> {
  const file = lines instanceof MemoryFile ? lines : new MemoryFile(lines.map((line) => `${line}\n`).join(''))
  const found = new Map<string, PartValue>()
  const checkpoint = await readCheckpoint(file, new Slices(systemClock), (values) => {
    for (const value of values) found.set(value.key, value)
  })
  return { ...checkpoint, found }
}

/** All parts of a table. */
export function partsIn(list: PartTable): PartSummary[] {
  return Array.from({ length: list.length }, (_, at) => {
    const part = list.summary(at)
    if (list.firstKey(at) !== part.firstKey) throw new Error(`two first keys of part ${at}`)
    return part
  })
}
