import type { LogRecord } from '../format/record.js'
import { openCheckpoint } from '../log/checkpoint-opener.js'
import { type CheckpointFound, isInRange } from '../log/checkpoint-reader.js'
import {
  ANY_KEY,
  addDamage,
  addInDoubt,
  addUnprovenStore,
  noteForeignBackup,
  type Recovery,
} from '../log/damage-report.js'
import type { Mark } from '../log/mark.js'
import { newerVersion, readTailRun, surveyTail, type TailStart } from '../log/record-reader.js'
import type { Backup, StorePaths } from '../log/store-files.js'
import { type Clock, Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import { State } from '../state/state.js'
import { findRecords, type HealedState, healState, isOfStore, reachOfBackups } from './heal.js'
import { judgeTail, type Verdict } from './judge-tail.js'
import { noteMissingFiles } from './missing-files.js'
import { Replay } from './replay.js'
import { reportVerdict } from './report-verdict.js'

/** What a generation holds, and what is to be done to its file before records are appended to it. */
export interface Loaded {
  /** Its values stand in the file, which has to stay open for as long as the index is asked. */
  readonly index: State
  /** Undefined where the file no longer says. */
  readonly store: string | undefined
  readonly checkpointSeq: number
  readonly checkpointBytes: number
  readonly lastSeq: number
  /** The header's checksum: what stands for the last record in a position where none follows the checkpoint. */
  readonly checkpointCrc: string
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

export interface LoadContext {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly paths: StorePaths
  readonly backups: readonly Backup[]
  readonly mark: Mark | null | undefined
  /** The id of the store by the files beside the log, if the log has lost its header. */
  readonly storeBeside: string | undefined
  /** The last owner left the log in order: then it went no further than a good mark says. */
  readonly wasReleased: boolean
  readonly times: boolean
  readonly cacheBytes: number
  /** Every byte of the log is looked at, however long it is. */
  readonly isWhole: boolean
  /** See `Replay`. */
  readonly lookFor?: number | undefined
  readonly recovery: Recovery
  readonly onProgress: (phase: string, done: number, total: number) => void
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
export class Loader {
  #index!: State
  readonly #slices: Slices
  readonly #fileName: string
  readonly #sizeBytes: number
  #isMarkUseless = false
  /** Something else than a backup says which store the log is of. */
  #isStoreProven = true
  #replay!: Replay

  constructor(
    private readonly context: LoadContext,
    private readonly file: OpenFile,
  ) {
    this.#slices = new Slices(context.clock)
    this.#fileName = file.path.slice(context.paths.logDirectory.length + 1)
    this.#sizeBytes = file.status().sizeBytes
  }

  async load(): Promise<Loaded> {
    const { context, file } = this
    const checkpoint = await openCheckpoint(file, this.#slices, context.isWhole)
    if (checkpoint.newer) throw newerVersion(file.path, checkpoint.newer.offset, checkpoint.newer.what)
    this.#index = this.#indexOf(checkpoint)
    const { times, lookFor, onProgress } = context
    const replay = new Replay(this.#index, checkpoint.timestamp, {
      file,
      sizeBytes: this.#sizeBytes,
      times,
      lookFor,
      onProgress,
    })
    this.#replay = replay
    const store = checkpoint.header?.store ?? context.storeBeside
    const markSeq = this.#markSeq(store)
    this.#isStoreProven = checkpoint.header !== undefined || (store !== undefined && context.mark?.store === store)
    const afterSeq = checkpoint.seq ?? (await this.#guessCheckpointSeq(checkpoint, markSeq))
    const isHealed = await this.#healCheckpoint(checkpoint, afterSeq, store)

    const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq }
    const run = await readTailRun(file, start, this.#slices, replay, markSeq)
    // A backup is a copy of what the log was: a log that ends before it has lost its end.
    const isFurther = (backup: Backup) => backup.lastSeq > run.lastSeq
    // If the mark is not of this log, it may have come here without its backups, so all of them are looked at.
    const own = this.#ownAmong(this.#isMarkUseless ? context.backups : context.backups.filter(isFurther), store)
    const backedUpSeq = await reachOfBackups(context.fileSystem, own.filter(isFurther), this.#slices)
    const knownSeq = Math.max(markSeq, backedUpSeq)
    const isFaultless = run.complete && knownSeq <= run.lastSeq
    const verdict = isFaultless ? undefined : await this.#judge(start, run.lastSeq, knownSeq, store)
    const foundNothing = !checkpoint.header && checkpoint.parts === 0 && replay.lastCrc === ''
    if (foundNothing && !isHealed) throw new NothingReadable(file.path)
    const endOffset = verdict?.cut?.offset ?? this.#sizeBytes
    const lastSeq = verdict?.lastSeq ?? run.lastSeq
    noteMissingFiles({ ...context, ...(context.mark && this.#isMarkUseless && { mark: null }) }, lastSeq)
    return {
      index: this.#index,
      store,
      checkpointSeq: afterSeq,
      checkpointBytes: checkpoint.end,
      lastSeq,
      lastCrc: replay.lastCrc || (checkpoint.header?.crc ?? ''),
      checkpointCrc: checkpoint.header?.crc ?? '',
      lastTimestamp: replay.lastTimestamp,
      endOffset,
      unprovenOffset: run.unprovenOffset,
      cut: verdict?.cut,
      needsMark: this.#isMarkUseless,
      isEndKnown: this.#isEndKnown,
      foundCrc: replay.found,
      isDamaged: verdict?.isDamaged === true || checkpoint.bad.length > 0,
    }
  }

  /** Opens each of them: on the usual path there are none. */
  #ownAmong(backups: readonly Backup[], store: string | undefined): Backup[] {
    const { fileSystem, recovery } = this.context
    return backups.filter((backup) => {
      const isOwn = isOfStore(fileSystem, backup, store)
      if (!isOwn) noteForeignBackup(recovery, backup.fileName)
      return isOwn
    })
  }

  get #isEndKnown(): boolean {
    const { backups, mark, wasReleased } = this.context
    // A mark that is older than a backup is not that of the last close.
    const isOfLastClose = mark !== undefined && mark !== null && backups.every((backup) => backup.lastSeq <= mark.seq)
    return wasReleased && isOfLastClose && !this.#isMarkUseless
  }

  #indexOf({ ownParts, header }: CheckpointFound): State {
    const { file } = this
    // A new generation is read under the name that it has until it is the log.
    const path = this.#fileName.startsWith(`${this.context.paths.name}.log.backup.`)
      ? file.path
      : this.context.paths.log
    // Where header and index say different things there may be both.
    const inlineState = ownParts.length === 0 ? (header?.state ?? []) : []
    return new State({ file, path, parts: ownParts, inlineState, cacheBytes: this.context.cacheBytes })
  }

  /** What the mark proves; 0 where there is none to go by. */
  #markSeq(store: string | undefined): number {
    const { mark, paths, recovery } = this.context
    if (mark && (store === undefined || mark.store === store)) return mark.seq
    this.#isMarkUseless = true
    if (mark === undefined) return 0
    const file = paths.mark.slice(paths.logDirectory.length + 1)
    if (mark === null) {
      addDamage(recovery, {
        file,
        line: 1,
        offset: 0,
        bytes: this.context.fileSystem.status(paths.mark)?.sizeBytes ?? 0,
      })
      recovery.notes.push(
        `${file} is damaged: what was last known to be on disk cannot be checked. It is written anew.`,
      )
      return 0
    }
    addDamage(recovery, { file, line: 1, offset: 0, bytes: 0 })
    recovery.notes.push(`${file} belongs to another store than the log: one of them was replaced. The log is used.`)
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
    return first ? first.seq - 1 : markSeq || (this.context.backups[0]?.lastSeq ?? 0)
  }

  async #healCheckpoint(checkpoint: CheckpointFound, seq: number, store: string | undefined): Promise<boolean> {
    const { bad, lost } = checkpoint
    if (bad.length === 0) return false
    // A checkpoint is published whole, so where the file ends inside it the records behind it are gone as well.
    if (checkpoint.isCutOff) {
      addInDoubt(this.context.recovery, [ANY_KEY])
      this.context.recovery.notes.push(
        `${this.#fileName} ends inside its checkpoint: the records behind that are gone.`,
      )
    }
    const { fileSystem, backups, recovery } = this.context
    const healed = lost.length
      ? await healState(fileSystem, this.#ownAmong(backups, store), seq, lost, this.#slices)
      : undefined
    for (const range of healed ? lost : []) {
      const state = (healed as HealedState).state.filter(({ key }) => isInRange(key, range))
      const isTimed = this.context.times
      this.#index.heal(range, isTimed ? state : state.map((pair) => ({ ...pair, time: undefined })))
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
  async #judge(start: TailStart, appliedSeq: number, markSeq: number, store: string | undefined): Promise<Verdict> {
    const survey = await surveyTail(this.file, start, this.#slices)
    const verdict = judgeTail({
      survey,
      afterSeq: start.afterSeq ?? 0,
      markSeq,
      sizeBytes: this.#sizeBytes,
      firstLine: start.line,
    })
    const { fileSystem, backups } = this.context
    const isMissing = (seq: number) => verdict.missing.some((run) => seq >= run.from && seq <= run.to)
    const found = verdict.missing.length
      ? await findRecords(fileSystem, this.#ownAmong(backups, store), isMissing, this.#slices)
      : new Map<number, { record: LogRecord; from: string }>()

    const kept = verdict.kept.filter((line) => line.seq > appliedSeq)
    const healed = [...found.values()].map(({ record }) => record).filter((record) => record.seq > appliedSeq)
    const inOrder = [...kept, ...healed].sort((a, b) => a.seq - b.seq)
    for (const each of inOrder) {
      if ('number' in each) this.#replay.again(each)
      else this.#replay.any(each, undefined)
    }
    const { recovery } = this.context
    if (found.size > 0 && !this.#isStoreProven) addUnprovenStore(recovery, this.#fileName)
    const about = { file: this.#fileName, sizeBytes: this.#sizeBytes, isEndKnown: this.#isEndKnown }
    reportVerdict({ recovery, verdict, found, ...about })
    return verdict
  }
}
