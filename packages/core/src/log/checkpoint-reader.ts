import { decodeLine } from '../format/decode.js'
import type { PartSummary, PartValue } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import type { CheckpointFound } from './checkpoint-found.js'
import { CheckpointLines } from './checkpoint-lines.js'
import { readLines } from './line-reader.js'

/**
 * Reads every line of the checkpoint of an open version 1 file. Its state, which may be more than there is memory for,
 * is handed over piece by piece where it is asked for.
 */
export async function readCheckpoint(
  file: OpenFile,
  slices: Slices,
  onState?: (state: readonly PartValue[]) => void,
): Promise<CheckpointFound> {
  const lines = new CheckpointLines()
  for (const raw of readLines(file)) {
    if (lines.isOver(raw)) break
    if (slices.isDue()) await slices.pause()
  }
  const found = lines.judge(file.status().sizeBytes)
  if (onState) {
    if (found.header) onState(found.header.state)
    for (let at = 0; at < found.ownParts.length; at++) {
      onState(readPartState(file, found.ownParts.summary(at)))
      if (slices.isDue()) await slices.pause()
    }
  }
  return found
}

/** A part's keys and values, read again from where it was found. */
export function readPartState(file: OpenFile, { offset, bytes }: PartSummary): readonly PartValue[] {
  const line = Buffer.allocUnsafe(bytes)
  const filled = file.read(line, offset)
  const part = decodeLine(line.subarray(0, filled))
  if (part.kind !== 'part')
    throw Object.assign(new Error(`${file.path} changed while it was being read`), { code: 'EIO' })
  return part.state
}
