import { validChecksum } from '../format/checksum.js'
import { ANY_KEY, addDamage, addInDoubt, type Recovery } from '../log/damage-report.js'
import { type RawLine, readLines } from '../log/line-reader.js'
import { guessKey } from '../log/record-reader.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { MAX_LEGACY_TEXT_BYTES } from '../platform/limits.js'
import { decodeLegacyLine, type LegacyLine, type LegacyPair } from './decode-legacy.js'
import type { LegacyPlace, LegacyValues } from './legacy-state.js'

/** The lines of a log of format 0. A line that is too long to be decoded has no bytes. */
export function readLegacyLines(file: OpenFile): Generator<RawLine> {
  return readLines(file, { maxLineBytes: MAX_LEGACY_TEXT_BYTES })
}

/** Throws if the line is too long to be decoded: it may be a record, so it cannot be left out. */
export function refuseTooLong({ path }: OpenFile, { number, offset, length }: RawLine): void {
  if (length > MAX_LEGACY_TEXT_BYTES) throw textTooLong(`Line ${number} of ${path}`, length, path, offset)
}

export function textTooLong(what: string, bytes: number, path: string, offset: number): FlatlogError {
  return new FlatlogError(
    'FLATLOG_TOO_LARGE',
    `${what} has ${bytes} bytes. A line or main file of format 0 may have up to ${MAX_LEGACY_TEXT_BYTES}. Nothing was changed. ` +
      'What to do: import the file with a script that reads it in pieces and sets its keys, or move it away to open the ' +
      'store without it.',
    { path, offset },
  )
}

/** A line that is neither a record of format 0 nor blank. */
interface BadLine {
  readonly number: number
  readonly offset: number
  readonly length: number
  /** The key that the line is probably about. */
  readonly key: string | undefined
}

/** Reads a log of format 0 from its first line to its last. */
export class LegacyLog {
  /** How many lines are records. */
  records = 0
  /** True if a record has a whole state, so that the main file does not count. */
  hasState = false
  lastSeq = 0
  readonly #bad: BadLine[] = []

  constructor(
    private readonly file: OpenFile,
    private readonly values: LegacyValues,
    private readonly options: Pick<ResolvedOptions, 'times' | 'onProgress'>,
  ) {}

  async read(slices: Slices): Promise<void> {
    const { file } = this
    const total = file.status().sizeBytes
    const report = (done: number) => this.options.onProgress({ phase: 'older-log', done, total })
    for (const raw of readLegacyLines(file)) {
      this.#readLine(raw)
      if (!slices.isDue(raw.length)) continue
      report(raw.offset + raw.length)
      await slices.pause()
    }
    report(total)
  }

  #readLine(raw: RawLine): void {
    const { file } = this
    refuseTooLong(file, raw)
    if (validChecksum(raw.bytes) !== undefined) throw replacedMeanwhile(file.path)
    this.lastSeq = raw.number
    const line = decodeLegacyLine(raw.bytes)
    if (line) this.#apply(line, { path: file.path, line: raw.number, offset: raw.offset })
    else if (!isBlank(raw)) {
      const { number, offset, length, bytes } = raw
      this.#bad.push({ number, offset, length, key: guessKey(bytes) })
    }
  }

  #apply(line: LegacyLine, place: LegacyPlace): void {
    const { values } = this
    const time = this.options.times ? Date.parse(line.timestamp) || undefined : undefined
    this.records++
    if (line.kind === 'checkpoint') this.#replace(line.state, time, place)
    else if (line.operation.kind === 'replace') this.#replace(line.operation.data, time, place)
    else if (line.operation.kind === 'set') values.set(line.operation.key, line.operation.value, time, place)
    else values.delete(line.operation.key)
  }

  #replace(state: readonly LegacyPair[], time: number | undefined, place: LegacyPlace): void {
    const { values } = this
    this.hasState = true
    values.clear()
    for (const [key, value] of state) values.set(key, value, time, place)
  }

  /** Reports the bad lines: the last one of the file as a torn tail, any other as damage. */
  report(recovery: Recovery, fileName: string): void {
    const { sizeBytes } = this.file.status()
    for (const { number, offset, length, key } of this.#bad) {
      if (offset + length === sizeBytes) {
        recovery.clean = false
        recovery.cutBytes = length
        recovery.notes.push(`The last line of ${fileName} is torn and was left out.`)
        continue
      }
      addDamage(recovery, { file: fileName, line: number, offset, bytes: length, ...(key !== undefined && { key }) })
      addInDoubt(recovery, [key, ANY_KEY])
      recovery.notes.push(`Line ${number} of ${fileName} cannot be read and was left out.`)
    }
  }
}

function isBlank({ bytes, length, ended }: RawLine): boolean {
  return ended && (length === 1 || (length === 2 && bytes[0] === 0x0d))
}

/** A reader takes no lock, so a writer may replace the log with one of version 1 at any moment. */
function replacedMeanwhile(path: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${path} was replaced while it was being read. What to do: open the store again.`,
    { path },
  )
}
