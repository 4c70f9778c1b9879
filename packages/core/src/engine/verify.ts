import { RunningChecksum } from '../format/checksum.js'
import { type CheckpointFound, readCheckpoint } from '../log/checkpoint-reader.js'
import type { Damage } from '../log/damage-report.js'
import { isSameMark, type Mark, NO_MARK, readMark } from '../log/mark.js'
import { type SurveyLine, surveyTail } from '../log/record-reader.js'
import type { Backup, StoreFiles } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { READ_CHUNK_BYTES } from '../platform/limits.js'
import { openIfThere } from '../platform/whole-file.js'
import { judgeTail } from '../recovery/judge-tail.js'
import type { Verification } from './backend.js'

/** What the owner of the log knows about its files, beyond what the files say. */
export interface OwnersKnowledge {
  readonly storeId: string
  /** The log as it is written to. */
  readonly log: { readonly identity: string; readonly endOffset: number; readonly lastSeq: number }
  readonly mark: Mark
  readonly mainFile: ExpectedMainFile
}

interface ExpectedMainFile {
  /** The checksum; null if there should be no file, or its checksum is not known. */
  readonly crc: string | null
  /** False if the file may have been replaced or set aside since. */
  readonly isKnown: boolean
}

type DamagedPlace = Omit<Damage, 'file'>

/** Rests as long as it works: verifying is not urgent. */
const REST_SHARE = 1

/**
 * Reads every byte of a store's files, in slices, and names every place that is not what was written. It needs no engine:
 * without `known` it compares the files with each other, and takes the end of a log that is being written for a torn tail.
 */
export async function verify(files: StoreFiles, known?: OwnersKnowledge): Promise<Verification> {
  try {
    return await new Verifier(files, known).run()
  } catch (error) {
    throw ioError('verify', files.log, error)
  }
}

class Verifier {
  readonly #slices: Slices
  readonly #result: Verification = { ok: true, damage: [], records: 0, parts: 0, bytes: 0 }

  constructor(
    private readonly files: StoreFiles,
    private readonly known: OwnersKnowledge | undefined,
  ) {
    this.#slices = files.slices({ restShare: REST_SHARE })
  }

  async run(): Promise<Verification> {
    const { files, known } = this
    // All at one moment, before the first await: the owner may replace each of them meanwhile.
    const mark = readMark(files)
    const log = openIfThere(files.fileSystem, files.log)
    let mainFile: OpenFile | undefined
    let found: LogFound
    try {
      mainFile = openIfThere(files.fileSystem, files.main)
      found = await this.#verifyLog(log, mark)
      const storeId = known?.storeId ?? found.store
      this.#add(files.markName, this.#damageOfMark(mark, storeId))
      const expected = known?.mainFile ?? expectedBy(mark, found.lastSeq)
      this.#add(files.mainName, await this.#damageOfMainFile(mainFile, expected))
    } finally {
      mainFile?.close()
      log?.close()
    }
    for (const backup of files.backups()) await this.#verifyBackup(backup, known?.storeId ?? found.store)
    this.#result.ok = this.#result.damage.length === 0
    return this.#result
  }

  #add(file: string, place: DamagedPlace | undefined): void {
    if (place) this.#result.damage.push({ file, ...place })
  }

  async #verifyLog(file: OpenFile | undefined, mark: Mark | null | undefined): Promise<LogFound> {
    const { known } = this
    const fileName = this.files.logName
    const { sizeBytes = 0, identity } = file?.status() ?? {}
    if (!file || (known && identity !== known.log.identity)) {
      this.#add(fileName, { line: 1, offset: 0, bytes: sizeBytes })
      return { store: undefined, lastSeq: undefined }
    }
    // Records that are written meanwhile come after the end that is taken now.
    const end = known?.log.endOffset ?? sizeBytes
    const found = await this.#verifyGeneration(file, fileName, end, known ? undefined : (mark?.seq ?? 0))
    const least = known?.log.lastSeq ?? 0
    if (found.lastSeq !== undefined && found.lastSeq < least) this.#add(fileName, found.end)
    return found
  }

  async #verifyBackup(backup: Backup, storeId: string | undefined): Promise<void> {
    const file = openIfThere(this.files.fileSystem, backup.path)
    // A compaction has removed it meanwhile, or the user has.
    if (!file) return
    try {
      const { sizeBytes } = file.status()
      const found = await this.#verifyGeneration(file, backup.fileName, sizeBytes, undefined)
      if (found.damage.length > 0) return
      // Whole, but not the file that was given this name.
      if (storeId !== undefined && found.store !== storeId) this.#add(backup.fileName, wholeFile(sizeBytes))
      else if (found.lastSeq !== backup.lastSeq) this.#add(backup.fileName, found.end)
    } finally {
      file.close()
    }
  }

  async #verifyGeneration(
    file: OpenFile,
    fileName: string,
    end: number,
    markSeq: number | undefined,
  ): Promise<GenerationFound> {
    const found = await verifyGeneration(file, end, markSeq, this.#slices)
    for (const place of found.damage) this.#add(fileName, place)
    this.#result.records += found.records
    this.#result.parts += found.parts
    this.#result.bytes += end
    return found
  }

  #damageOfMark(mark: Mark | null | undefined, storeId: string | undefined): DamagedPlace | undefined {
    const expected = this.known?.mark
    const isGood = expected
      ? (mark && isSameMark(mark, expected)) || (mark === undefined && expected === NO_MARK)
      : mark === undefined || (mark !== null && (storeId === undefined || mark.store === storeId))
    return isGood ? undefined : wholeFile(this.files.status(this.files.mark)?.sizeBytes ?? 0)
  }

  async #damageOfMainFile(
    file: OpenFile | undefined,
    { crc, isKnown }: ExpectedMainFile,
  ): Promise<DamagedPlace | undefined> {
    const { files } = this
    if (!file) {
      // After a crash it may have been set aside, because the state is too long for it or no main file is wanted.
      const isSetAside = !isKnown && files.status(files.staleMain) !== undefined
      return crc === null || isSetAside ? undefined : wholeFile(0)
    }
    // Without a checksum there is nothing to compare the file with.
    if (!isKnown || crc === null || (await this.#checksumOf(file)) === crc) return undefined
    return wholeFile(file.status().sizeBytes)
  }

  async #checksumOf(file: OpenFile): Promise<string> {
    const crc = new RunningChecksum()
    const chunk = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, Math.max(1, file.status().sizeBytes)))
    for (let at = 0; ; ) {
      const filled = file.read(chunk, at)
      if (filled === 0) return crc.toString()
      crc.add(chunk.subarray(0, filled))
      at += filled
      if (this.#slices.isDue()) await this.#slices.pause()
    }
  }
}

/** A mark measures the main file only if both were written at the record with which the log ends. */
function expectedBy(mark: Mark | null | undefined, lastSeq: number | undefined): ExpectedMainFile {
  const isKnown = mark != null && mark.seq === lastSeq && mark.mainFileSeq === lastSeq
  return { crc: isKnown ? mark.mainFileCrc : null, isKnown }
}

type LogFound = Pick<GenerationFound, 'store' | 'lastSeq'>

/** What one generation holds. */
interface GenerationFound {
  readonly damage: DamagedPlace[]
  readonly store: string | undefined
  readonly parts: number
  readonly records: number
  /** The last record, or the one that the checkpoint covers if none follows it; undefined if it is not known. */
  readonly lastSeq: number | undefined
  /** Where the next line would begin. */
  readonly end: DamagedPlace
}

/**
 * Reads a generation up to `end`. `markSeq`: the record up to which the log is known to be on disk, if its end may be a
 * torn tail or is being written; undefined if every line must be whole.
 */
async function verifyGeneration(
  file: OpenFile,
  end: number,
  markSeq: number | undefined,
  slices: Slices,
): Promise<GenerationFound> {
  const checkpoint = await readCheckpoint(file, slices)
  const damage = damageOfCheckpoint(checkpoint)
  const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
  let next: DamagedPlace = { line: start.line, offset: start.offset, bytes: 0 }
  let records = 0
  let expected = checkpoint.seq === undefined ? undefined : checkpoint.seq + 1
  const survey = checkpoint.newer ? [] : await surveyTail(file, start, slices)
  for (const line of markSeq === undefined ? survey : withoutTornTail(survey, checkpoint, markSeq, end)) {
    if (line.offset >= end) break
    const { number, offset, length, key } = line
    const place = { line: number, offset, bytes: length, ...(key !== undefined && { key }) }
    next = { line: number + 1, offset: offset + length, bytes: 0 }
    if (line.kind === 'bad' || !line.ended) {
      damage.push(place)
      if (expected !== undefined) expected++
      continue
    }
    records++
    if (expected !== undefined && line.seq !== expected) damage.push({ ...place, bytes: 0 })
    expected = line.seq + 1
  }
  const lastSeq = expected === undefined ? undefined : expected - 1
  return { damage, store: checkpoint.header?.store, parts: checkpoint.parts, records, lastSeq, end: next }
}

function withoutTornTail(
  survey: readonly SurveyLine[],
  { seq = 0 }: CheckpointFound,
  markSeq: number,
  sizeBytes: number,
): readonly SurveyLine[] {
  const { cut } = judgeTail({ survey, afterSeq: seq, markSeq, sizeBytes })
  return cut ? survey.filter((line) => line.offset < cut.offset) : survey
}

function damageOfCheckpoint({ bad, newer, nextLine }: CheckpointFound): DamagedPlace[] {
  // A newer version wrote it, and no such version has opened this store.
  if (newer) return [{ line: nextLine, offset: newer.offset, bytes: 0 }]
  return bad.map(({ number, offset, length }) => ({ line: number, offset, bytes: length }))
}

function wholeFile(bytes: number): DamagedPlace {
  return { line: 1, offset: 0, bytes }
}
