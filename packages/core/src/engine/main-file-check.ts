import { RunningChecksum } from '../format/checksum.js'
import { readLines } from '../log/line-reader.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import type { Slices } from '../platform/slices.js'

/** Whether a main file is what was written, and where it is not. Nothing of the state ever comes from there. */

export interface Place {
  readonly line: number
  readonly offset: number
  readonly bytes: number
}

export async function checksumOf(file: OpenFile, slices: Slices): Promise<string> {
  const crc = new RunningChecksum()
  const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, Math.max(1, file.status().sizeBytes)))
  for (let at = 0; ; ) {
    const filled = file.read(chunk, at)
    if (filled === 0) return crc.toString()
    crc.add(chunk.subarray(0, filled))
    at += filled
    if (slices.isDue()) await slices.pause()
  }
}

/** The first line that is not the expected one; undefined where all are. */
export async function firstOtherLine(
  file: OpenFile,
  expected: AsyncIterator<string>,
  slices: Slices,
): Promise<Place | undefined> {
  let end: Place = { line: 1, offset: 0, bytes: 0 }
  for (const { number, offset, length, bytes, ended } of readLines(file)) {
    const next = await expected.next()
    if (next.done || !ended || next.value !== bytes.toString('utf8')) return { line: number, offset, bytes: length }
    end = { line: number + 1, offset: offset + length, bytes: 0 }
    if (slices.isDue()) await slices.pause()
  }
  return (await expected.next()).done ? undefined : end
}

/** Where the file is no JSON; undefined where it is. */
export async function firstBadLine(file: OpenFile, slices: Slices): Promise<Place | undefined> {
  const place = await firstLineOfOtherForm(file, slices)
  // Perhaps another program wrote it, in a form of its own.
  return place && isJsonFile(file) ? undefined : place
}

/** Line by line, so that a long file holds nobody up: `{`, then a key with its value in each line, then `}`. */
async function firstLineOfOtherForm(file: OpenFile, slices: Slices): Promise<Place | undefined> {
  let last: (Place & { readonly text: string }) | undefined
  for (const { number, offset, length, bytes } of readLines(file)) {
    const text = bytes.toString('utf8')
    const place = { line: number, offset, bytes: length }
    if (last && isEnd(last)) return place
    // Whether a line wants a comma at its end shows in the next one.
    if (last && last.line > 1 && last.text.endsWith(',') === (text === '}')) return withoutText(last)
    last = { ...place, text }
    const isOurs =
      number === 1 ? text === '{' || text === '{}' : text === '}' || isJsonText(`{${text.replace(/,$/, '')}}`)
    if (!isOurs) return place
    if (slices.isDue()) await slices.pause()
  }
  if (!last) return { line: 1, offset: 0, bytes: 0 }
  return isEnd(last) ? undefined : withoutText(last)
}

function isEnd({ line, text }: { line: number; text: string }): boolean {
  return text === (line === 1 ? '{}' : '}')
}

function withoutText({ line, offset, bytes }: Place): Place {
  return { line, offset, bytes }
}

function isJsonFile(file: OpenFile): boolean {
  const { sizeBytes } = file.status()
  if (sizeBytes > MAX_READ_RECORD_BYTES) return false
  const bytes = Buffer.alloc(sizeBytes)
  file.read(bytes, 0)
  return isJsonText(bytes.toString('utf8').replace(/^\ufeff/, ''))
}

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
