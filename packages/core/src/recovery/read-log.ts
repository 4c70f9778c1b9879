import type { LogRecord } from '../format/record.js'
import { openCheckpoint } from '../log/checkpoint-opener.js'
import { type CheckpointFound, type CheckpointPlace, isInRange } from '../log/checkpoint-reader.js'
import {
  ANY_KEY,
  addDamage,
  addInDoubt,
  addUnprovenStore,
  noteForeignBackup,
  type Recovery,
} from '../log/damage-report.js'
import { Generations } from '../log/generations.js'
import type { Mark } from '../log/mark.js'
import { newerVersion, readTailRun, surveyTail, type TailStart } from '../log/record-reader.js'
import type { Backup, StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { State } from '../state/state.js'
import { findRecords, type HealedState, healState, reachBeyond } from './heal.js'
import { judgeTail, reportVerdict, type Verdict } from './judge-tail.js'
import { Replay } from './replay.js'

/** The content of a generation, and what its file needs before records can be appended. */
export interface ReadLog {
  /** Reads its values from the file, which must stay open as long as the state is used. */
  readonly state: State
  /** Undefined if the file has lost it. */
  readonly store: string | undefined
  readonly checkpoint: CheckpointPlace
  readonly lastSeq: number
  /** The checksum of the last record, or of the header. */
  readonly lastCrc: string
  readonly lastTimestamp: string
  /** Where the next record goes, after the torn tail is cut off. */
  readonly endOffset: number
  /** Where the first record starts that is not proven to be on disk. */
  readonly unprovenOffset: number
  readonly cut: { readonly offset: number; readonly line: number } | undefined
  /** The file is damaged, so its state must be written to a new generation. */
  readonly isDamaged: boolean
  /** The mark is missing, damaged or belongs to another log, and must be written. */
  readonly needsMark: boolean
  /** It is known where the log ended: the last owner closed it cleanly, and wrote the mark then. */
  readonly isEndKnown: boolean
  /** The checksum of the record `lookFor`; undefined if it was not asked for, or is not after the checkpoint. */
  readonly foundCrc: string | undefined
}

/** What is known about a log from outside it. */
export interface LogSurroundings {
  /** Undefined if there is none, null if it is damaged. */
  readonly mark: Mark | null | undefined
  readonly backups: readonly Backup[]
  /** The store's id according to the other files, if the log has lost its header. */
  readonly storeBeside: string | undefined
  /** The last owner closed the log cleanly, so a good mark says where it ended. */
  readonly wasReleased: boolean
}

export interface ReadLogOptions extends Pick<ResolvedOptions, 'times' | 'cacheBytes' | 'onProgress'> {
  /** Read every byte of the log, however long it is. */
  readonly isWhole: boolean
  /** The seq of a record whose checksum is wanted, see `ReplayOptions`. */
  readonly lookFor?: number | undefined
}

/** The log has nothing usable. Thrown before anything is changed: another file may take its place. */
export class NothingReadable extends FlatlogError {
  constructor(path: string) {
    super(
      'FLATLOG_CORRUPT',
      `No line of ${path} can be read, and no backup can replace it. Nothing was changed. What to do: restore the file from ` +
        'a good copy. To start with an empty store, move it away together with the files whose names start with its name.',
      { path, offset: 0 },
    )
  }
}

/** Reads a generation of version 1: its checkpoint and records. Finds damage, and heals it from the backups. */
export class LogReader {
  #state!: State
  #generations!: Generations
  readonly #slices: Slices
  readonly #fileName: string
  readonly #sizeBytes: number
  #isMarkUseless = false
  /** The header or the mark says which store the log belongs to, and not only the backups. */
  #isStoreProven = true
  #replay!: Replay

  constructor(
    private readonly files: StoreFiles,
    private readonly file: OpenFile,
    private readonly beside: LogSurroundings,
    private readonly options: ReadLogOptions,
    /** Findings are added to it. */
    private readonly recovery: Recovery,
  ) {
    this.#slices = files.slices()
    this.#fileName = files.nameOf(file.path)
    this.#sizeBytes = file.status().sizeBytes
  }

  async read(): Promise<ReadLog> {
    const { file, beside, options } = this
    const checkpoint = await openCheckpoint(file, this.#slices, options.isWhole)
    if (checkpoint.newer) throw newerVersion(file.path, checkpoint.newer.offset, checkpoint.newer.what)
    this.#state = this.#stateOf(checkpoint)
    this.#replay = new Replay(this.#state, checkpoint.timestamp, { file, sizeBytes: this.#sizeBytes, ...options })
    const store = checkpoint.header?.store ?? beside.storeBeside
    this.#generations = new Generations(
      this.files,
      store,
      ({ fileName }) => noteForeignBackup(this.recovery, fileName),
      beside.backups,
    )
    const markSeq = this.#markSeq(store)
    this.#isStoreProven = checkpoint.header !== undefined || (store !== undefined && beside.mark?.store === store)
    const afterSeq = checkpoint.seq ?? (await this.#guessCheckpointSeq(checkpoint, markSeq))
    const isHealed = await this.#healCheckpoint(checkpoint, afterSeq)

    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq }
    const run = await readTailRun(file, start, this.#slices, this.#replay, markSeq)
    const knownSeq = Math.max(markSeq, await this.#reachOfBackups(run.lastSeq))
    const isFaultless = run.complete && knownSeq <= run.lastSeq
    const verdict = isFaultless ? undefined : await this.#judge(start, run.lastSeq, knownSeq)
    const foundNothing = !checkpoint.header && checkpoint.parts === 0 && this.#replay.lastCrc === ''
    if (foundNothing && !isHealed) throw new NothingReadable(file.path)
    const lastSeq = verdict?.lastSeq ?? run.lastSeq
    this.#noteMissingFiles(lastSeq)
    const checkpointCrc = checkpoint.header?.crc ?? ''
    return {
      state: this.#state,
      store,
      checkpoint: { seq: afterSeq, bytes: checkpoint.end, crc: checkpointCrc },
      lastSeq,
      lastCrc: this.#replay.lastCrc || checkpointCrc,
      lastTimestamp: this.#replay.lastTimestamp,
      endOffset: verdict?.cut?.offset ?? this.#sizeBytes,
      unprovenOffset: run.unprovenOffset,
      cut: verdict?.cut,
      needsMark: this.#isMarkUseless,
      isEndKnown: this.#isEndKnown,
      foundCrc: this.#replay.found,
      isDamaged: verdict?.isDamaged === true || checkpoint.bad.length > 0,
    }
  }

  /** The last record in the backups. They are copies of the log, so a log that ends earlier has lost its end. */
  async #reachOfBackups(lastSeq: number): Promise<number> {
    // Without a mark of this log, the backups may belong to another store: open them all, which notes foreign ones.
    if (this.#isMarkUseless) for (const backup of this.#generations.backups) this.#generations.open(backup)?.close()
    return await reachBeyond(this.#generations, lastSeq, this.#slices)
  }

  /** Notes a missing mark or main file. The log is complete without them, so it is not damage. */
  #noteMissingFiles(lastSeq: number): void {
    const { files, recovery } = this
    const { mark, backups } = this.beside
    if (mark === undefined && (lastSeq > 0 || backups.length > 0)) {
      recovery.notes.push(
        `${files.name}.mark is gone. Without it, a log that has lost its last records looks complete.`,
      )
    }
    if (!mark || this.#isMarkUseless) return
    if (mark.mainFileCrc !== null && files.isMainFileGone()) {
      recovery.notes.push(`${files.name}.json is gone. It is only a view of the log, so no data is lost.`)
    }
  }

  get #isEndKnown(): boolean {
    const { backups, mark, wasReleased } = this.beside
    // A mark that is older than a backup was not written at the last close.
    const isOfLastClose = mark !== undefined && mark !== null && backups.every((backup) => backup.lastSeq <= mark.seq)
    return wasReleased && isOfLastClose && !this.#isMarkUseless
  }

  #stateOf({ ownParts, header }: CheckpointFound): State {
    const { file } = this
    // An unfinished generation becomes the log, so errors name the log.
    const isBackup = this.#fileName.startsWith(`${this.files.name}.log.backup.`)
    const path = isBackup ? file.path : this.files.log
    // Damage can leave both an inline state and parts. The parts count.
    const inlineState = ownParts.length === 0 ? (header?.state ?? []) : []
    return new State({ file, path, parts: ownParts, inlineState, cacheBytes: this.options.cacheBytes })
  }

  /** The record up to which the mark proves the log; 0 without a mark of this log. */
  #markSeq(store: string | undefined): number {
    const { files, recovery } = this
    const { mark } = this.beside
    if (mark && (store === undefined || mark.store === store)) return mark.seq
    this.#isMarkUseless = true
    if (mark === undefined) return 0
    const file = files.nameOf(files.mark)
    const bytes = mark === null ? (files.status(files.mark)?.sizeBytes ?? 0) : 0
    addDamage(recovery, { file, line: 1, offset: 0, bytes })
    recovery.notes.push(
      mark === null
        ? `${file} is damaged, so the end of the log cannot be checked.`
        : `${file} belongs to another store than the log: one of them was replaced. The log was used.`,
    )
    return 0
  }

  /**
   * Guesses which record the checkpoint covers if header and index are gone: the one that its parts name. If that is too
   * low, the records between are reported missing. Without parts, the next record shows it, else the mark or the backups.
   */
  async #guessCheckpointSeq(checkpoint: CheckpointFound, markSeq: number): Promise<number> {
    if (checkpoint.partsSeq !== undefined) return checkpoint.partsSeq
    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: undefined }
    const survey = await surveyTail(this.file, start, this.#slices)
    const first = survey.find((line) => line.kind === 'record')
    return first ? first.seq - 1 : markSeq || (this.beside.backups[0]?.lastSeq ?? 0)
  }

  async #healCheckpoint(checkpoint: CheckpointFound, seq: number): Promise<boolean> {
    const { bad, lost } = checkpoint
    const { recovery } = this
    if (bad.length === 0) return false
    // A checkpoint is published whole, so if the file ends inside it, the records after it are gone too.
    if (checkpoint.isCutOff) {
      addInDoubt(recovery, [ANY_KEY])
      recovery.notes.push(`${this.#fileName} ends inside its checkpoint. The records after the checkpoint are gone.`)
    }
    const healed = lost.length ? await healState(this.#generations, seq, lost, this.#slices) : undefined
    for (const range of healed ? lost : []) {
      const state = (healed as HealedState).state.filter(({ key }) => isInRange(key, range))
      const isTimed = this.options.times
      this.#state.heal(range, isTimed ? state : state.map((pair) => ({ ...pair, time: undefined })))
    }
    const healedFrom = healed && { healedFrom: healed.from }
    for (const { number, offset, length } of bad) {
      addDamage(recovery, { file: this.#fileName, line: number, offset, bytes: length, ...healedFrom })
    }
    if (lost.length === 0) return false
    if (healed) {
      if (!this.#isStoreProven) addUnprovenStore(recovery, this.#fileName)
      recovery.notes.push(`Part of the checkpoint in ${this.#fileName} was damaged. Restored from ${healed.from}.`)
    } else {
      addInDoubt(recovery, [...lost.map((range) => range.from), ANY_KEY])
      const ranges = lost.map(({ from, to }) => `from ${from ?? 'the first'} to before ${to ?? 'the end'}`)
      recovery.notes.push(
        `Part of the checkpoint in ${this.#fileName} is damaged, and the backups cannot restore it. ` +
          `Keys were lost ${ranges.join(', ')}.`,
      )
    }
    return healed !== undefined
  }

  /** Judges the lines after the last good record, and replays the records that count. */
  async #judge(start: TailStart, appliedSeq: number, markSeq: number): Promise<Verdict> {
    const survey = await surveyTail(this.file, start, this.#slices)
    const verdict = judgeTail({
      survey,
      afterSeq: start.afterSeq ?? 0,
      markSeq,
      sizeBytes: this.#sizeBytes,
      firstLine: start.line,
    })
    const isMissing = (seq: number) => verdict.missing.some((run) => seq >= run.from && seq <= run.to)
    const found = verdict.missing.length
      ? await findRecords(this.#generations, isMissing, this.#slices)
      : new Map<number, { record: LogRecord; from: string }>()

    const kept = verdict.kept.filter((line) => line.seq > appliedSeq)
    const healed = [...found.values()].map(({ record }) => record).filter((record) => record.seq > appliedSeq)
    const inOrder = [...kept, ...healed].sort((a, b) => a.seq - b.seq)
    for (const each of inOrder) {
      if ('number' in each) this.#replay.surveyed(each)
      else this.#replay.any(each, undefined)
    }
    const { recovery } = this
    if (found.size > 0 && !this.#isStoreProven) addUnprovenStore(recovery, this.#fileName)
    const about = { file: this.#fileName, sizeBytes: this.#sizeBytes, isEndKnown: this.#isEndKnown }
    reportVerdict({ recovery, verdict, found, ...about })
    return verdict
  }
}
