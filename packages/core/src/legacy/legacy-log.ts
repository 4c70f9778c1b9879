import type { Operation } from '../format/record.js'
import type { ValueText } from '../format/value.js'
import { ANY_KEY, addDamage, addInDoubt, newRecovery } from '../log/damage-report.js'
import type { RawLine } from '../log/line-reader.js'
import { guessKey } from '../log/record-reader.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { decodeOlderLine, type OlderLine } from './decode-legacy.js'
import { isLongOfVersion1, isOfVersion1, rangeOf, readOlderLines } from './detect-legacy.js'
import type { ExternalSort } from './external-sort.js'
import { isTooLong, reportTooLong, sortObject } from './legacy-object.js'
import type { OriginalContext } from './legacy-state.js'
import { isHeld, type LongLine, readLongLine } from './long-line.js'
import { ProgressTeller } from './progress.js'

/** How much of a bad line is looked at for its key. */
const GUESS_BYTES = 64 * 1024

/** Reads an older log once, from the first line to the last: what it says of each key goes into the sort. */
export class OlderLogReader {
  /** How many lines can be read. */
  readable = 0
  /** One of them holds a whole state. */
  holdsState = false
  lastSeq = 0
  /** What is wrong with it. */
  readonly found = newRecovery('older-log')
  readonly #fileName: string
  readonly #sizeBytes: number
  readonly #progress: ProgressTeller

  constructor(
    private readonly context: OriginalContext,
    private readonly file: OpenFile,
    private readonly sort: ExternalSort,
  ) {
    this.#fileName = file.path.slice(context.paths.logDirectory.length + 1)
    this.#sizeBytes = file.status().sizeBytes
    this.#progress = new ProgressTeller(context.onProgress, 'older-log', this.#sizeBytes)
  }

  /** Returns false as soon as a line says that the log is none of the original system. */
  async read(): Promise<boolean> {
    const { file, sort } = this
    const { slices } = this.context
    for (const raw of readOlderLines(file)) {
      if (raw) {
        if (isHeld(raw) ? isOfVersion1(raw) : await isLongOfVersion1(file, raw, slices)) return false
        this.lastSeq = raw.number
        if (isHeld(raw)) this.#replay(raw, decodeOlderLine(raw.bytes))
        else await this.#replayLong(raw)
        this.#progress.reached(raw.offset + raw.length)
      }
      if (sort.isFull) await sort.makeRoom(slices)
      if (slices.isDue(raw?.length ?? READ_CHUNK_BYTES)) await slices.pause()
    }
    this.#progress.finish()
    return true
  }

  #replay(raw: RawLine, line: OlderLine): void {
    if (line.kind === 'bad') {
      if (!isBlank(raw)) this.#bad(raw)
      return
    }
    this.readable++
    const time = this.#timeOf(line.timestamp)
    if (line.kind === 'older-checkpoint') this.#replace(line.state, time)
    else this.#apply(line.operation, time)
  }

  #apply(operation: Operation, time: number | undefined): void {
    if (operation.kind === 'replace') this.#replace(operation.data, time)
    else if (operation.kind === 'set') this.sort.set(operation.key, operation.value.text, time)
    else if (operation.kind === 'delete') this.sort.delete(operation.key)
  }

  #replace(state: readonly (readonly [string, ValueText])[], time: number | undefined): void {
    this.holdsState = true
    this.sort.clear()
    for (const [key, { text }] of state) this.sort.set(key, text, time)
  }

  /** A line that is longer than what is held is read where it stands, and again for what it holds. */
  async #replayLong(raw: RawLine): Promise<void> {
    const range = rangeOf(raw)
    const halfway = (at: number) => (range.start + at) / 2
    const line = await readLongLine(this.file, range, this.context.slices, (at) => this.#progress.reached(halfway(at)))
    if (line.kind === 'bad') this.#bad(raw)
    else {
      this.readable++
      await this.#applyLong(raw, line)
    }
  }

  async #applyLong(raw: RawLine, line: Exclude<LongLine, { kind: 'bad' }>): Promise<void> {
    const { file, sort } = this
    const time = this.#timeOf(line.timestamp)
    const place = { file: this.#fileName, line: raw.number }
    if (line.kind === 'delete') sort.delete(line.key)
    else if (line.kind === 'set') {
      const value = { key: line.key, ...line.value }
      if (isTooLong(value)) reportTooLong(this.found, place, value)
      else sort.setRange(line.key, line.value, time)
    } else {
      this.holdsState = true
      sort.clear()
      const { end } = rangeOf(raw)
      const isObject = await sortObject(
        {
          file,
          range: line.state,
          time,
          onTooLong: (member) => reportTooLong(this.found, place, member),
          onStep: (at) => this.#progress.reached((at + end) / 2),
        },
        sort,
        this.context.slices,
      )
      if (!isObject) throw Object.assign(new Error(`${file.path} changed while it was being read`), { code: 'EIO' })
    }
  }

  #timeOf(timestamp: string): number | undefined {
    return this.context.times ? Date.parse(timestamp) || undefined : undefined
  }

  #bad({ number, offset, length }: RawLine): void {
    const { found } = this
    if (offset + length === this.#sizeBytes) {
      found.clean = false
      found.cutBytes = length
      found.notes.push(`The last line of ${this.#fileName} is torn and was left out; the file is kept as it was.`)
      return
    }
    const start = Buffer.alloc(Math.min(length, GUESS_BYTES))
    this.file.read(start, offset)
    const key = guessKey(start)
    addDamage(found, { file: this.#fileName, line: number, offset, bytes: length, ...(key !== undefined && { key }) })
    addInDoubt(found, [key, ANY_KEY])
    found.notes.push(`Line ${number} of ${this.#fileName} cannot be read and was left out; the file is kept as it was.`)
  }
}

function isBlank({ bytes, length, ended }: RawLine): boolean {
  return ended && (length === 1 || (length === 2 && bytes[0] === 0x0d))
}
