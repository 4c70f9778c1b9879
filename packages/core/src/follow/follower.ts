import type { Backend, Health, RecordPosition, Stats, Verification } from '../engine/backend.js'
import { type ChangedRecord, Events } from '../engine/events.js'
import { verify } from '../engine/verify.js'
import type { CheckpointPlace } from '../log/checkpoint-reader.js'
import type { Recovery } from '../log/damage-report.js'
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
import { type ReadState, readState } from './read-state.js'

/**
 * Follows the log of a store that another process writes, without a lock and without writing anything. At each look it
 * reads the records that were appended; if another file is the log, or what was read was cut off, it reads that log from
 * its checkpoint on while the former state still answers.
 */
export class Follower implements Backend {
  readonly events = new Events()
  history = 0
  #state!: ReadState
  #log: FollowedLog | undefined
  /** What was read is not what stands there: until everything is read again, nothing is added to it. */
  #isStale = false
  #failure: FlatlogError | undefined
  /** What watchers have not been told of yet. */
  #untold: CatchUp | undefined
  #timer: Timer | undefined
  #isClosed = false
  /** One look at a time; never rejects. */
  #looking: Promise<void> = Promise.resolve()
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
      tell: (record) => this.#tell(record),
    }
  }

  static async open(files: StoreFiles, options: ResolvedOptions): Promise<Follower> {
    const follower = new Follower(files, options)
    try {
      follower.#adopt(await follower.#read(options))
    } catch (error) {
      throw ioError('read', files.log, error)
    }
    follower.#lookIn(FOLLOW_MS)
    return follower
  }

  // Reading

  get(key: string): StateValue | undefined {
    return this.#reading((state, nowMs) => state.get(key, nowMs))
  }

  has(key: string): boolean {
    return this.#reading((state, nowMs) => state.has(key, nowMs))
  }

  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][] {
    return this.#reading((state, nowMs) => state.page(query, limit, nowMs))
  }

  pageOfKeys(query: KeyRangeQuery, limit: number): string[] {
    return this.#reading((state, nowMs) => state.pageOfKeys(query, limit, nowMs))
  }

  /** A value that is not what was read may have been cut off: the next look finds out. */
  #reading<T>(read: (state: State, nowMs: number) => T): T {
    try {
      return read(this.#state.state, this.files.clock.now())
    } catch (error) {
      this.#lookIn(0)
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
      `The store ${JSON.stringify(this.files.name)} is open with readOnly: true. What to do: open it without readOnly to write.`,
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

  /** Resolves when everything that was in the log before the call has been read. */
  flush(): Promise<void> {
    return this.#whenIdle(() => this.#look())
  }

  /** Reads everything again. */
  reopen(): Promise<void> {
    return this.#whenIdle(() => this.#renew(this.options))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.events.wakeWaiting()
    await this.#looking
    this.#forgetUntold()
    this.#state.file?.close()
  }

  #whenIdle(act: () => Promise<void>): Promise<void> {
    const done = this.#looking.then(async () => {
      if (this.#isClosed) throw closedError(this.files.name)
      try {
        await act()
        this.#failure = undefined
      } catch (error) {
        throw this.#failed(error)
      }
    })
    this.#looking = done.catch(() => {})
    return done
  }

  /** Said once, and not at each look. */
  #failed(cause: unknown): FlatlogError {
    const error = ioError('read', this.files.log, cause)
    const isNews = this.#failure?.message !== error.message
    this.#failure = error
    if (isNews && !this.#isClosed) this.#report(error)
    return error
  }

  #report(error: FlatlogError): void {
    this.events.problem(error, new Date(this.files.clock.now()).toISOString())
  }

  #lookIn(delayMs: number): void {
    const { clock } = this.files
    this.#timer?.cancel()
    if (this.#isClosed) return
    this.#timer = clock.setTimer(() => {
      const startMs = clock.monotonicMs()
      this.flush().then(
        // It rests as long as it has worked, as nobody waits for it.
        () => this.#lookIn(Math.max(FOLLOW_MS, clock.monotonicMs() - startMs)),
        () => this.#lookIn(FOLLOW_FAILED_MS),
      )
    }, delayMs)
  }

  async #look(): Promise<void> {
    const { files } = this
    // What failed to be told at the last look comes ahead of what is new.
    await this.#tellChanges()
    const log = files.fileSystem.status(files.log)
    const { logIdentity } = this.#state
    if (!log && logIdentity !== undefined) throw logGone(files)
    const isOther = log?.identity !== logIdentity
    // What the former file has gained before its place was taken comes first.
    if (this.#log && !this.#isStale) await this.#readOn(this.#log)
    // Nobody waits for this one.
    if (isOther || this.#isStale) await this.#renew({ ...this.options, onProgress() {} })
  }

  async #readOn(log: FollowedLog): Promise<void> {
    const before = log.last.seq
    this.#isStale = (await log.readOn(new Slices(this.files.clock), this.#listener)) !== 'read'
    if (log.last.seq === before) return
    this.events.wakeWaiting()
    // Whoever follows the changes reads them from this file, which is closed when another one has its place.
    await this.files.clock.yieldToOthers()
  }

  #read(options: ResolvedOptions): Promise<ReadState> {
    return readState(this.files, options, this.#state && this.acknowledged.seq)
  }

  #adopt(state: ReadState): void {
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

  /** Another state takes the place of the present one at once, and the present one answers until then. */
  async #renew(options: ResolvedOptions): Promise<void> {
    const former = this.#state
    const { acknowledged: last, storeId } = this
    const state = await this.#read(options)
    if (this.#isClosed) {
      state.file?.close()
      return
    }
    let mayGoOn: boolean
    try {
      mayGoOn = this.#isPredecessor(former, last.seq)
    } catch (error) {
      state.file?.close()
      throw error
    }
    this.#adopt(state)
    const goesOn = storeId !== undefined && storeId === this.storeId && isBehind(state, last, mayGoOn)
    if (!goesOn) this.history++
    // Of the records that a checkpoint covers it says no checksums.
    else if (this.acknowledged.seq === last.seq) this.#log?.isKnownAs(last.crc)
    if (this.#untold) this.#untold.goOn(former, goesOn)
    else this.#untold = new CatchUp(former, goesOn ? last.seq : undefined)
    this.events.wakeWaiting()
    this.#reportDamage(former.recovery, state.recovery)
    await this.#tellChanges()
  }

  /** A checkpoint that covers the last record that was read says nothing of it: it may cover another one of that number. */
  #isPredecessor({ file }: ReadState, seq: number): boolean {
    if (this.#log?.isCut()) return false
    const { fileSystem } = this.files
    const ends = this.files.backups().filter(({ lastSeq }) => lastSeq === seq)
    // The former log is a backup now, where any are kept.
    return ends.length === 0 || ends.some(({ path }) => fileSystem.status(path)?.identity === file?.identity)
  }

  async #tellChanges(): Promise<void> {
    const untold = this.#untold
    if (!untold) return
    const tell = (record: ChangedRecord) => this.#tell(record)
    try {
      if (this.events.isWatched) {
        await untold.tell(this.#log, this.#state.state, this.files.clock, this.acknowledged, tell)
      }
    } catch (error) {
      if (!untold.mayTryAgain()) this.#forgetUntold()
      throw error
    }
    this.#forgetUntold()
  }

  #forgetUntold(): void {
    this.#untold?.close()
    this.#untold = undefined
  }

  #tell(record: ChangedRecord): void {
    try {
      this.events.notify([record])
    } catch (error) {
      // A value that is none, in a line that is whole: it is an error for its key, and the others have nothing to do with it.
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
        `${first.file} is damaged at line ${first.line}, byte ${first.offset} (${damage.length} places in all); it was read again, ` +
          'and what counts in it is the state now. What to do: see store.recovery; opening the store for writing repairs it.',
        { path: this.files.log, offset: first.offset },
      ),
    )
  }
}

/** The state goes on from that record: it has no other one of that number, and none is missing behind it. */
function isBehind(
  { log, lastSeq }: ReadState,
  last: { readonly seq: number; readonly crc: string },
  mayGoOn: boolean,
): boolean {
  if (!log || lastSeq < last.seq || log.checkpoint.seq > last.seq) return false
  return log.checkpoint.seq === last.seq ? mayGoOn : log.foundCrc === last.crc
}

function logGone(files: StoreFiles): FlatlogError {
  return new FlatlogError(
    'FLATLOG_IO',
    `${files.log} is gone. What was read of it is still there. What to do: put it back; when there is a log again it is read.`,
    { path: files.log },
  )
}
