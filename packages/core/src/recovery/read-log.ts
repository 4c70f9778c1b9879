import type { LogRecord } from '../format/record.js'
import { openCheckpoint } from '../log/checkpoint-opener.js'
import { type CheckpointFound, type CheckpointPlace, describeRange, isInRange } from '../log/checkpoint-reader.js'
import {
  ANY_KEY,
  addDamage,
  addInDoubt,
  addUnknownEnd,
  addUnprovenStore,
  newRecovery,
  noteForeignBackup,
  type Recovery,
  refuseIfStrict,
} from '../log/damage-report.js'
import { Generations } from '../log/generations.js'
import type { Mark } from '../log/mark.js'
import { newerVersion, readTailRun, surveyTail, type TailStart } from '../log/record-reader.js'
import type { Backup, StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import type { Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { countWhile } from '../state/key-order.js'
import { State } from '../state/state.js'
import { addLostLog, type LogChoice } from './choose-log.js'
import { findRecords, type HealedState, healState, reachBeyond } from './heal.js'
import { judgeTail, type Verdict } from './judge-tail.js'
import { Replay } from './replay.js'
import { reportVerdict } from './report-verdict.js'

/** The content of a generation, and what its file needs before records can be appended. */
export interface LogContent {
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
  /** Undefined if it is missing, damaged or belongs to another log, and must be written. */
  readonly mark: Mark | undefined
  /** It is known where the log ended: the last owner closed it cleanly, and wrote the mark then. */
  readonly isEndKnown: boolean
  /** The checksum of the record `lookFor`; undefined if it was not asked for, or is not after the checkpoint. */
  readonly foundCrc: string | undefined
  /** What is wrong with it. */
  readonly recovery: Recovery
}

/** What is known about a log from outside it. */
export interface Surroundings {
  /** Undefined if there is none, null if it is damaged. */
  readonly mark: Mark | null | undefined
  readonly backups: readonly Backup[]
  /** The store's id according to the other files, if the log has lost its header. */
  readonly storeBeside: string | undefined
  /** The last owner closed the log cleanly, so a good mark says where it ended. */
  readonly wasReleased: boolean
}

interface ReadOptions extends Pick<ResolvedOptions, 'times' | 'cacheBytes' | 'onProgress'> {
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

/** What was found before the log is read. */
export interface FoundBefore {
  readonly choice: LogChoice
  /** Undefined if there is none, null if it is damaged. */
  readonly mark: Mark | null | undefined
  /** The last owner closed the log cleanly. */
  readonly wasReleased: boolean
  /** Read every byte of the log, however long it is, whatever the mark and the options say. */
  readonly isWhole?: boolean
  /** See `ReplayOptions`. */
  readonly lookFor?: number | undefined
}

/**
 * The part of an opening that writers and readers share: reads the log, or the generation in its place, and reports what
 * is wrong with it.
 */
export async function readLog(
  files: StoreFiles,
  file: OpenFile,
  { choice, mark, wasReleased, lookFor, isWhole: isAskedFor = false }: FoundBefore,
  options: ResolvedOptions,
): Promise<LogContent> {
  const recovery = newRecovery('log')
  if (choice.from !== 'log') addLostLog(recovery, choice, files)
  const storeBeside = choice.from === 'log' ? choice.store : undefined
  const beside = { mark, backups: files.backups(), storeBeside, wasReleased }
  const isWhole = isAskedFor || options.recovery === 'strict' || mark?.isToBeChecked === true
  const content = await readGeneration(files, file, beside, { ...options, isWhole, lookFor }, recovery)
  refuseIfStrict(options, recovery, files)
  if (choice.from !== 'log' && !content.isEndKnown) addUnknownEnd(recovery)
  return content
}

/** Reads a generation of version 1: its checkpoint and records. Finds damage, and heals it from the backups. */
export async function readGeneration(
  files: StoreFiles,
  file: OpenFile,
  beside: Surroundings,
  options: ReadOptions,
  recovery = newRecovery('log'),
): Promise<LogContent> {
  const checkpoint = await openCheckpoint(file, files.slices(), options.isWhole)
  if (checkpoint.newer) throw newerVersion(file.path, checkpoint.newer.offset, checkpoint.newer.what)
  return await new GenerationReader(files, file, checkpoint, beside, options, recovery).read()
}

/** Reads what follows a checkpoint. */
class GenerationReader {
  readonly #fileName: string
  readonly #sizeBytes: number
  readonly #slices: Slices
  readonly #store: string | undefined
  /** The header or the mark says which store the log belongs to, and not only the backups. */
  readonly #isStoreProven: boolean
  /** The mark, if it belongs to this log. */
  readonly #mark: Mark | undefined
  readonly #generations: Generations
  readonly #state: State
  readonly #replay: Replay

  constructor(
    private readonly files: StoreFiles,
    private readonly file: OpenFile,
    private readonly checkpoint: CheckpointFound,
    private readonly beside: Surroundings,
    private readonly options: ReadOptions,
    /** Findings are added to it. */
    private readonly recovery: Recovery,
  ) {
    const { mark } = beside
    this.#fileName = files.nameOf(file.path)
    this.#sizeBytes = file.status().sizeBytes
    this.#slices = files.slices()
    const store = checkpoint.header?.store ?? beside.storeBeside
    this.#store = store
    this.#isStoreProven = checkpoint.header !== undefined || (store !== undefined && mark?.store === store)
    this.#mark = mark && (store === undefined || mark.store === store) ? mark : undefined
    this.#generations = new Generations(
      files,
      store,
      ({ fileName }) => noteForeignBackup(recovery, fileName),
      beside.backups,
    )
    this.#state = this.#stateOf(checkpoint)
    this.#replay = new Replay(this.#state, checkpoint.timestamp, { file, sizeBytes: this.#sizeBytes, ...options })
  }

  async read(): Promise<LogContent> {
    const { file, checkpoint } = this
    if (!this.#mark) this.#reportMark()
    const markSeq = this.#mark?.seq ?? 0
    const afterSeq = checkpoint.seq ?? (await this.#guessCheckpointSeq(markSeq))
    const isHealed = await this.#healCheckpoint(afterSeq)

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
      store: this.#store,
      checkpoint: { seq: afterSeq, bytes: checkpoint.end, crc: checkpointCrc },
      lastSeq,
      lastCrc: this.#replay.lastCrc || checkpointCrc,
      lastTimestamp: this.#replay.lastTimestamp,
      endOffset: verdict?.cut?.offset ?? this.#sizeBytes,
      unprovenOffset: run.unprovenOffset,
      cut: verdict?.cut,
      isDamaged: verdict?.isDamaged === true || checkpoint.bad.length > 0,
      mark: this.#mark,
      isEndKnown: this.#isEndKnown,
      foundCrc: this.#replay.found,
      recovery: this.recovery,
    }
  }

  /** The last record in the backups. They are copies of the log, so a log that ends earlier has lost its end. */
  async #reachOfBackups(lastSeq: number): Promise<number> {
    // Without a mark of this log, the backups may belong to another store: open them all, which notes foreign ones.
    if (!this.#mark) for (const backup of this.#generations.backups) this.#generations.isOwn(backup)
    return await reachBeyond(this.#generations, lastSeq, this.#slices)
  }

  /** Notes a missing mark or main file. The log is complete without them, so it is not damage. */
  #noteMissingFiles(lastSeq: number): void {
    const { files, recovery } = this
    const { mark, backups } = this.beside
    if (mark === undefined && (lastSeq > 0 || backups.length > 0)) {
      recovery.notes.push(`${files.markName} is gone. Without it, a log that has lost its last records looks complete.`)
    }
    if (this.#mark && this.#mark.mainFileCrc !== null && files.isMainFileGone()) {
      recovery.notes.push(`${files.mainName} is gone. It is only a view of the log, so no data is lost.`)
    }
  }

  get #isEndKnown(): boolean {
    const { backups, wasReleased } = this.beside
    const mark = this.#mark
    if (!wasReleased || mark === undefined) return false
    // A mark that is older than a backup was not written at the last close.
    return !backups.some((backup) => backup.lastSeq > mark.seq && this.#generations.isOwn(backup))
  }

  #stateOf({ ownParts, header }: CheckpointFound): State {
    const { file, beside } = this
    // An unfinished generation becomes the log, so errors name the log.
    const isBackup = beside.backups.some(({ path }) => path === file.path)
    const path = isBackup ? file.path : this.files.log
    // Damage can leave both an inline state and parts. The parts count.
    const inlineState = ownParts.length === 0 ? (header?.state ?? []) : []
    return new State({ file, path, parts: ownParts, inlineState, cacheBytes: this.options.cacheBytes })
  }

  /** Reports a mark that is damaged or belongs to another log. */
  #reportMark(): void {
    const { files, recovery } = this
    const { mark } = this.beside
    if (mark === undefined) return
    const file = files.markName
    const bytes = mark === null ? (files.status(files.mark)?.sizeBytes ?? 0) : 0
    addDamage(recovery, { file, line: 1, offset: 0, bytes })
    recovery.notes.push(
      mark === null
        ? `${file} is damaged, so the end of the log cannot be checked.`
        : `${file} belongs to another store than the log: one of them was replaced. The log was used.`,
    )
  }

  /**
   * Guesses which record the checkpoint covers if header and index are gone: the one that its parts name. If that is too
   * low, the records between are reported missing. Without parts, the next record shows it, else the mark or the backups.
   */
  async #guessCheckpointSeq(markSeq: number): Promise<number> {
    const { checkpoint } = this
    if (checkpoint.partsSeq !== undefined) return checkpoint.partsSeq
    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: undefined }
    const survey = await surveyTail(this.file, start, this.#slices)
    const first = survey.find((line) => line.kind === 'record')
    return first
      ? first.seq - 1
      : markSeq || (this.beside.backups.find((backup) => this.#generations.isOwn(backup))?.lastSeq ?? 0)
  }

  async #healCheckpoint(seq: number): Promise<boolean> {
    const { checkpoint, recovery } = this
    const { bad, lost } = checkpoint
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
      recovery.notes.push(
        `Part of the checkpoint in ${this.#fileName} is damaged, and the backups cannot restore it. ` +
          `Lost: ${lost.map(describeRange).join(', ')}.`,
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
    const { missing } = verdict
    const isMissing = (seq: number) => {
      const run = missing[countWhile(missing.length, (at) => (missing[at]?.to as number) < seq)]
      return run !== undefined && run.from <= seq
    }
    const found = missing.length
      ? await findRecords(this.#generations, isMissing, this.#slices)
      : new Map<number, { record: LogRecord; from: string }>()

    const kept = verdict.kept.filter((line) => line.seq > appliedSeq)
    const healed = [...found.values()].map(({ record }) => record).filter((record) => record.seq > appliedSeq)
    const inOrder = [...kept, ...healed].sort((a, b) => a.seq - b.seq)
    for (const each of inOrder) {
      if ('number' in each) this.#replay.surveyed(each)
      else this.#replay.apply(each, undefined)
    }
    const { recovery } = this
    if (found.size > 0 && !this.#isStoreProven) addUnprovenStore(recovery, this.#fileName)
    const about = { file: this.#fileName, sizeBytes: this.#sizeBytes, isEndKnown: this.#isEndKnown }
    reportVerdict({ recovery, verdict, found, ...about })
    return verdict
  }
}
