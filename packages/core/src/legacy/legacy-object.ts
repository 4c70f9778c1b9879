import { ANY_KEY, addDamage, addInDoubt, type Recovery } from '../log/damage-report.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_READ_RECORD_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import type { ExternalSort } from './external-sort.js'
import { type FileRange, type Member, readMembers } from './json-members.js'

/** A whole state as the original system wrote it, as one object: its main file, or the state in a line of its log. */
export interface OriginalObject {
  readonly file: OpenFile
  readonly range: FileRange
  /** Unix ms when all of it was written, where that is kept. */
  readonly time: number | undefined
  /** A value that is longer than a record may be is left out, and it is said here. */
  onTooLong(member: Member): void
  /** How far it came in the file. */
  onStep(at: number): void
}

/** Puts all keys into the sort. Returns whether it is an object, which shows only at its end. */
export async function sortObject(object: OriginalObject, sort: ExternalSort, slices: Slices): Promise<boolean> {
  const members = readMembers(object.file, object.range)
  for (;;) {
    const { done, value } = members.next()
    if (done) return value
    if (typeof value === 'object') {
      const { key, bytes } = value
      if (key === undefined || isTooLong(value)) object.onTooLong(value)
      else if (bytes) sort.set(key, bytes, object.time)
      else sort.setRange(key, value, object.time)
    }
    if (sort.isFull) await sort.makeRoom(slices)
    if (typeof value === 'number') object.onStep(value)
    if (slices.isDue(typeof value === 'number' ? READ_CHUNK_BYTES : 0)) await slices.pause()
  }
}

/** What stands in a part of a checkpoint beside a key and its value, and more. */
const LINE_BYTES = 1024

/** Nobody could read the line that it would stand in. */
export function isTooLong({ key, start, end }: Pick<Member, 'key' | 'start' | 'end'>): boolean {
  return end - start + Buffer.byteLength(key ?? '') + LINE_BYTES > MAX_READ_RECORD_BYTES
}

export function reportTooLong(
  recovery: Recovery,
  place: { readonly file: string; readonly line: number },
  { key, start, end }: Pick<Member, 'key' | 'start' | 'end'>,
): void {
  const bytes = end - start
  addDamage(recovery, { ...place, offset: start, bytes, ...(key !== undefined && { key }) })
  addInDoubt(recovery, [key ?? ANY_KEY])
  const what = key === undefined ? 'A key' : `The value of ${JSON.stringify(key.slice(0, 100))}`
  recovery.notes.push(
    `${what} in line ${place.line} of ${place.file} is longer than the ${MAX_READ_RECORD_BYTES} bytes that a record may ` +
      `have (${bytes} bytes from byte ${start}) and was left out; the file is kept as it was.`,
  )
}
