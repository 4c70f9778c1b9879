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

/** What a generation holds, and what is to be done to its file before records are appended to it. */
export interface ReadLog {
  /** Its values stand in the file, which has to stay open for as long as the index is asked. */
  readonly state: State
  /** Undefined where the file no longer says. */
  readonly store: string | undefined
  readonly checkpoint: CheckpointPlace
  readonly lastSeq: number
  /** The checksum of the last record, or of the header. */
  readonly lastCrc: string
  readonly lastTimestamp: string
  /** Where the next record goes, once the torn tail is cut. */
  readonly endOffset: number
  /** Where the first record begins that nothing proves to be on disk. */
  readonly unprovenOffset: number
  readonly cut: { readonly offset: number; readonly line: number } | undefined
  /** The file is damaged: the state goes into a clean generation. */
  readonly isDamaged: boolean
  /** The mark says nothing about this log, or is not there: it is to be written. */
  readonly needsMark: boolean
  /** Its last owner closed the log in order, and the mark is of that moment: the log went no further than it says. */
  readonly isEndKnown: boolean
  /** The checksum of the record that was to be looked for; undefined where none, or it is not behind the checkpoint. */
  readonly foundCrc: string | undefined
}

/** What is known of a log besides what is in it. */
export interface LogSurroundings {
  /** Undefined: no mark. Null: a damaged one. */
  readonly mark: Mark | null | undefined
  readonly backups: readonly Backup[]
  /** The id of the store by the files beside the log, if the log has lost its header. */
  readonly storeBeside: string | undefined
  /** The last owner closed the log in order: then it went no further than a good mark says. */
  readonly wasReleased: boolean
}

export interface ReadLogOptions extends Pick<ResolvedOptions, 'times' | 'cacheBytes' | 'onProgress'> {
  /** Reads every byte of the log, however long it is. */
  readonly isWhole: boolean
  /** A record whose checksum is asked for, see `Replay`. */
  readonly lookFor?: number | undefined
}

/** Thrown before anything was touched: perhaps a file beside the log can take its place. */
export class NothingReadable extends FlatlogError {
  constructor(path: string) {
    super(
      'FLATLOG_CORRUPT',
      `Nothing in ${path} can be read, and no backup reaches what it held. Nothing was touched. What to do: put a good ` +
        'copy in its place; or move it and the files that begin with its name away to begin with an empty store.',
      { path, offset: 0 },
    )
  }
}

/** Reads a version 1 file: checkpoint, records, and where something is wrong what it is and what heals it. */
export class LogReader {
  #state!: State
  #generations!: Generations
  readonly #slices: Slices
  readonly #fileName: string
  readonly #sizeBytes: number
  #isMarkUseless = false
  /** Something else than a backup says which store the log is of. */
  #isStoreProven = true
  #replay!: Replay

  constructor(
    private readonly files: StoreFiles,
    private readonly file: OpenFile,
    private readonly beside: LogSurroundings,
    private readonly options: ReadLogOptions,
    /** Gets what is found. */
    private readonly recovery: Recovery,
  ) {
    this.#slices = files.slices()
    this.#fileName = files.nameOf(file.path)
    this.#sizeBytes = file.status().sizeBytes
  }

  /** The recipe: checkpoint, records, and where something is wrong, what it is and what heals it. */
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

  /** A backup is a copy of what the log was, so a log that ends before a backup has lost its end. */
  async #reachOfBackups(lastSeq: number): Promise<number> {
    // If the mark is not of this log, the log may have come here without its backups: look at all of them.
    if (this.#isMarkUseless) for (const backup of this.#generations.backups) this.#generations.open(backup)?.close()
    return await reachBeyond(this.#generations, lastSeq, this.#slices)
  }

  /** Notes a mark or a main file that is gone: the log can do without them, so it is not damage. */
  #noteMissingFiles(lastSeq: number): void {
    const { files, recovery } = this
    const { mark, backups } = this.beside
    if (mark === undefined && (lastSeq > 0 || backups.length > 0)) {
      recovery.notes.push(
        `${files.name}.mark is gone: had the log lost its last records, nothing would show it. It is written anew.`,
      )
    }
    if (!mark || this.#isMarkUseless) return
    if (mark.mainFileCrc !== null && files.isMainFileGone()) {
      recovery.notes.push(`${files.name}.json is gone. It is only a view of the log, and is written anew.`)
    }
  }

  get #isEndKnown(): boolean {
    const { backups, mark, wasReleased } = this.beside
    // A mark that is older than a backup is not that of the last close.
    const isOfLastClose = mark !== undefined && mark !== null && backups.every((backup) => backup.lastSeq <= mark.seq)
    return wasReleased && isOfLastClose && !this.#isMarkUseless
  }

  #stateOf({ ownParts, header }: CheckpointFound): State {
    const { file } = this
    // A new generation is read under the name that it has until it is the log.
    const isBackup = this.#fileName.startsWith(`${this.files.name}.log.backup.`)
    const path = isBackup ? file.path : this.files.log
    // Where header and index say different things there may be both.
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
        ? `${file} is damaged: what was last known to be on disk cannot be checked. It is written anew.`
        : `${file} belongs to another store than the log: one of them was replaced. The log is used.`,
    )
    return 0
  }

  /**
   * With header and index gone: what the parts are of, even if that is less than the checkpoint covers, as the records
   * between are missed then. Without parts the record that follows says it; else mark and backups do.
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
    // A checkpoint is published whole, so where the file ends inside it the records behind it are gone as well.
    if (checkpoint.isCutOff) {
      addInDoubt(recovery, [ANY_KEY])
      recovery.notes.push(`${this.#fileName} ends inside its checkpoint: the records behind that are gone.`)
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
      recovery.notes.push(
        `Part of the checkpoint in ${this.#fileName} was damaged and was restored from ${healed.from}.`,
      )
    } else {
      addInDoubt(recovery, [...lost.map((range) => range.from), ANY_KEY])
      const ranges = lost.map(({ from, to }) => `from ${from ?? 'the first'} to before ${to ?? 'the end'}`)
      recovery.notes.push(
        `Part of the checkpoint in ${this.#fileName} is damaged, and no backup reaches it without a gap. ` +
          `Keys are missing ${ranges.join(', ')}.`,
      )
    }
    return healed !== undefined
  }

  /** Something is wrong behind the last record that was read: tells a torn tail from damage, and replays what counts. */
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
      if ('number' in each) this.#replay.again(each)
      else this.#replay.any(each, undefined)
    }
    const { recovery } = this
    if (found.size > 0 && !this.#isStoreProven) addUnprovenStore(recovery, this.#fileName)
    const about = { file: this.#fileName, sizeBytes: this.#sizeBytes, isEndKnown: this.#isEndKnown }
    reportVerdict({ recovery, verdict, found, ...about })
    return verdict
  }
}
