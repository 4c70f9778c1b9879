import type { Backend, Health, RecordPosition, Stats, Verification } from '../engine/backend.js'
import { type ChangedRecord, Events } from '../engine/events.js'
import { verify } from '../engine/verify.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import { describeDamage, type Recovery } from '../log/damage-report.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { Slices, type Timer } from '../platform/clock.js'
import { closedError, FlatlogError, ioError } from '../platform/errors.js'
import { FOLLOW_FAILED_MS, FOLLOW_MS } from '../platform/limits.js'
import type { State } from '../state/state.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import { CatchUp } from './catch-up.js'
import type { FollowedFile } from './followed-file.js'
import { FollowedLog, type RecordListener } from './followed-log.js'
import { readShownState, type ShownState } from './read-state.js'

/**
 * Follows a store that another process writes, without a lock and without writing anything. It polls for appended
 * records. If the log was replaced or cut, it reads the log again from its checkpoint, and answers from the former state
 * until then.
 */
export class Follower implements Backend {
  readonly events = new Events()
  historyVersion = 0
  #state!: ShownState
  #log: FollowedLog | undefined
  /** The state does not match the file: it is not added to until everything is read again. */
  #isStale = false
  #failure: FlatlogError | undefined
  /** Changes that watchers have not been notified of. */
  #catchUp: CatchUp | undefined
  #timer: Timer | undefined
  #isClosed = false
  /** Runs one poll at a time. Never rejects. */
  #running: Promise<void> = Promise.resolve()
  readonly #listener: RecordListener

  private constructor(
    readonly files: StoreFiles,
    private readonly options: ResolvedOptions,
  ) {
    const { events } = this
    this.#listener = {
      get isListening() {
        return events.isWatched
      },
      notify: (record) => this.#notify(record),
    }
  }

  static async open(files: StoreFiles, options: ResolvedOptions): Promise<Follower> {
    const follower = new Follower(files, options)
    try {
      follower.#adopt(await follower.#read(options))
    } catch (error) {
      throw ioError('read', files.log, error)
    }
    follower.#schedulePoll(FOLLOW_MS)
    return follower
  }

  // Reading

  get(key: string): StateValue | undefined {
    return this.#withState((state, nowMs) => state.get(key, nowMs))
  }

  has(key: string): boolean {
    return this.#withState((state, nowMs) => state.has(key, nowMs))
  }

  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][] {
    return this.#withState((state, nowMs) => state.page(query, limit, nowMs))
  }

  pageOfKeys(query: KeyRangeQuery, limit: number): string[] {
    return this.#withState((state, nowMs) => state.pageOfKeys(query, limit, nowMs))
  }

  /** A value that cannot be read may have been cut off, so poll at once to find out. */
  #withState<T>(read: (state: State, nowMs: number) => T): T {
    try {
      return read(this.#state.state, this.files.clock.now())
    } catch (error) {
      this.#schedulePoll(0)
      throw error
    }
  }

  // Writing

  propose(): never {
    throw this.#readOnly()
  }

  async compact(): Promise<never> {
    throw this.#readOnly()
  }

  verify(): Promise<Verification> {
    return verify(this.files)
  }

  #readOnly(): FlatlogError {
    return new FlatlogError(
      'FLATLOG_READ_ONLY',
      `The store ${JSON.stringify(this.files.name)} is open with readOnly: true, so it cannot be written. What to do: open it ` +
        'without readOnly to write.',
      { path: this.files.log },
    )
  }

  // Following

  get recovery(): Recovery {
    return this.#state.recovery
  }
  get storeId(): string | undefined {
    return this.#log?.storeId
  }
  get checkpoint(): CheckpointPlace {
    return this.#log?.checkpoint ?? { seq: this.#state.lastSeq, bytes: 0, crc: '' }
  }
  get logFile(): FollowedFile | undefined {
    return this.#log?.file
  }
  get acknowledged(): RecordPosition {
    return this.#log?.last ?? { seq: this.#state.lastSeq, crc: '' }
  }

  stats(): Stats {
    const { acknowledged, checkpoint } = this
    const { state, file } = this.#state
    return {
      readOnly: true,
      logBytes: this.#log?.endOffset ?? file?.sizeBytes ?? 0,
      checkpointBytes: checkpoint.bytes,
      checkpointSeq: checkpoint.seq,
      lastSeq: acknowledged.seq,
      tailKeys: state.tailKeys,
      stateBytes: state.stateBytes,
      cachedBytes: state.cachedBytes,
      position: `${acknowledged.seq}:${acknowledged.crc}`,
    }
  }

  health(): Health {
    const failure = this.#failure
    return { ok: failure === undefined, ...(failure && { failure }), problems: [...this.events.problems] }
  }

  /** Reads all records that were in the log before the call. */
  flush(): Promise<void> {
    return this.#whenIdle(() => this.#poll())
  }

  reopen(): Promise<void> {
    return this.#whenIdle(() => this.#reload(this.options))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.events.wakeWaiting()
    await this.#running
    this.#endCatchUp()
    this.#state.file?.close()
  }

  #whenIdle(act: () => Promise<void>): Promise<void> {
    const done = this.#running.then(async () => {
      if (this.#isClosed) throw closedError(this.files.name)
      try {
        await act()
        this.#failure = undefined
      } catch (error) {
        throw this.#fail(error)
      }
    })
    this.#running = done.catch(() => {})
    return done
  }

  /** Reports an error once, and not again at each poll. */
  #fail(cause: unknown): FlatlogError {
    const error = ioError('read', this.files.log, cause)
    const isNew = this.#failure?.message !== error.message
    this.#failure = error
    if (isNew && !this.#isClosed) this.#report(error)
    return error
  }

  #report(error: FlatlogError): void {
    this.events.problem(error, new Date(this.files.clock.now()).toISOString())
  }

  #schedulePoll(delayMs: number): void {
    const { clock } = this.files
    this.#timer?.cancel()
    if (this.#isClosed) return
    this.#timer = clock.setTimer(() => {
      const startMs = clock.monotonicMs()
      this.flush().then(
        // Pause as long as the poll has worked, to use at most half of a core.
        () => this.#schedulePoll(Math.max(FOLLOW_MS, clock.monotonicMs() - startMs)),
        () => this.#schedulePoll(FOLLOW_FAILED_MS),
      )
    }, delayMs)
  }

  async #poll(): Promise<void> {
    const { files } = this
    // Changes of which the last poll failed to notify come before new ones.
    await this.#notifyPending()
    const log = files.fileSystem.status(files.log)
    const { logIdentity } = this.#state
    if (!log && logIdentity !== undefined) throw logGone(files)
    const isOther = log?.identity !== logIdentity
    // First read the records that were appended to the former file before it was replaced.
    if (this.#log && !this.#isStale) await this.#readAppended(this.#log)
    // Progress is reported only for opening the store.
    if (isOther || this.#isStale) await this.#reload({ ...this.options, onProgress() {} })
  }

  async #readAppended(log: FollowedLog): Promise<void> {
    const before = log.last.seq
    this.#isStale = (await log.readAppended(new Slices(this.files.clock), this.#listener)) !== 'read'
    if (log.last.seq === before) return
    this.events.wakeWaiting()
    // Let changes() read from this file now: it is closed when another one has replaced it.
    await this.files.clock.yieldToOthers()
  }

  #read(options: ResolvedOptions): Promise<ShownState> {
    return readShownState(this.files, options, this.#state && this.acknowledged.seq)
  }

  #adopt(state: ShownState): void {
    const { file, log } = state
    try {
      this.#log = file && log && new FollowedLog(file, log, this.options.times)
    } catch (error) {
      file?.close()
      throw error
    }
    this.#state = state
    this.#isStale = false
  }

  /** Reads everything again. The present state answers until the new one replaces it. */
  async #reload(options: ResolvedOptions): Promise<void> {
    const former = this.#state
    const { acknowledged: last, storeId } = this
    const state = await this.#read(options)
    if (this.#isClosed) {
      state.file?.close()
      return
    }
    let isPredecessor: boolean
    try {
      isPredecessor = this.#isPredecessor(former, last.seq)
    } catch (error) {
      state.file?.close()
      throw error
    }
    this.#adopt(state)
    const continues = storeId !== undefined && storeId === this.storeId && continuesAfter(state, last, isPredecessor)
    if (!continues) this.historyVersion++
    // A checkpoint does not contain the checksum of the last record that it covers.
    else if (this.acknowledged.seq === last.seq) this.#log?.setLastCrc(last.crc)
    if (this.#catchUp) this.#catchUp.replaceAgain(former, continues)
    else this.#catchUp = new CatchUp(former, continues ? last.seq : undefined)
    this.events.wakeWaiting()
    this.#reportDamage(former.recovery, state.recovery)
    await this.#notifyPending()
  }

  /** False if the new checkpoint may cover another record with this seq than the one that was read. */
  #isPredecessor({ file }: ShownState, seq: number): boolean {
    if (this.#log?.isCut()) return false
    const { fileSystem } = this.files
    const ends = this.files.backups().filter(({ lastSeq }) => lastSeq === seq)
    // The former log is a backup now, if backups are kept.
    return ends.length === 0 || ends.some(({ path }) => fileSystem.status(path)?.identity === file?.identity)
  }

  async #notifyPending(): Promise<void> {
    const catchUp = this.#catchUp
    if (!catchUp) return
    const notify = (record: ChangedRecord) => this.#notify(record)
    try {
      if (this.events.isWatched) {
        await catchUp.notify(this.#log, this.#state.state, this.files.clock, this.acknowledged, notify)
      }
    } catch (error) {
      if (!catchUp.shouldRetry()) this.#endCatchUp()
      throw error
    }
    this.#endCatchUp()
  }

  #endCatchUp(): void {
    this.#catchUp?.close()
    this.#catchUp = undefined
  }

  #notify(record: ChangedRecord): void {
    try {
      this.events.notify([record])
    } catch (error) {
      // A whole line with an invalid value: report it, so that watchers still get the changes of other keys.
      this.#report(ioError('read', this.files.log, error))
    }
  }

  #reportDamage(former: Recovery, { damage, inDoubt }: Recovery): void {
    const isKnown = JSON.stringify([former.damage, former.inDoubt]) === JSON.stringify([damage, inDoubt])
    const [first] = damage
    if (isKnown || !first) return
    this.#report(
      new FlatlogError(
        'FLATLOG_CORRUPT',
        `${describeDamage(first, damage.length)}. All ` +
          'records that count were read. What to do: see store.recovery, and open the store for writing to repair it.',
        { path: this.files.log, offset: first.offset },
      ),
    )
  }
}

/** True if the state continues after that record: it has the same record, and no record after it is missing. */
function continuesAfter(
  { log, lastSeq }: ShownState,
  last: { readonly seq: number; readonly crc: string },
  isPredecessor: boolean,
): boolean {
  if (!log || lastSeq < last.seq || log.checkpoint.seq > last.seq) return false
  return log.checkpoint.seq === last.seq ? isPredecessor : log.foundCrc === last.crc
}

function logGone(files: StoreFiles): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${files.log} is gone. The state that was read from it is still available. What to do: put the log back; it is read ` +
      'as soon as it exists.',
    { path: files.log },
  )
}
