import { openStore, type Store, type StoreOptions } from '@flatlog/core'
import { type FlatlogDriverOptions, toStoreOptions } from './options.js'

/**
 * Opens the log of one driver at its first use, and again at the first use after a close.
 *
 * All callers await the same promise, each exactly once, so operations take effect in the order of the calls.
 */
export class StoreHandle {
  readonly #options: FlatlogDriverOptions
  /** Kept from the beginning, because it may change before the log is opened, or before it is opened again. */
  readonly #cwd = process.cwd()
  #opening: Promise<Store> | undefined
  #closing: Promise<void> = Promise.resolve()
  /** The last attempt to open the log failed because another process had it. */
  #wasLocked = false

  constructor(options: FlatlogDriverOptions) {
    this.#options = options
  }

  use(): Promise<Store> {
    if (this.#opening === undefined) {
      const opening = this.#open(this.#closing)
      this.#opening = opening
      // Forget a failed attempt, so that the next use tries again.
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
    }
    return this.#opening
  }

  /** Completes all earlier calls, makes their writes durable and releases the log. */
  close(): Promise<void> {
    if (this.#opening !== undefined) {
      this.#closing = this.#close(this.#opening)
      this.#opening = undefined
    }
    return this.#closing
  }

  async #open(closing: Promise<void>): Promise<Store> {
    // If closing failed, the caller of close() got the error.
    await closing.catch(() => {})
    const options = toStoreOptions(this.#options, this.#cwd)
    try {
      // If the owner kept the log while the first use waited, it will probably keep it. Later uses do not wait, so that
      // the second of several workers answers each request immediately instead of delaying it by lockWaitMs.
      const store = await this.#openOrJoin(this.#wasLocked ? { ...options, lockWaitMs: 0 } : options)
      this.#wasLocked = false
      return store
    } catch (error) {
      this.#wasLocked = (error as { code?: unknown }).code === 'FLATLOG_LOCKED'
      throw error
    }
  }

  /**
   * Opens the log. If it is already open in this process with another setting of `times`, that setting is used, unless
   * this driver was given the option explicitly.
   */
  async #openOrJoin(options: StoreOptions): Promise<Store> {
    try {
      return await openStore(options)
    } catch (error) {
      const isConflict = (error as { code?: unknown }).code === 'FLATLOG_OPTIONS_CONFLICT'
      if (!isConflict || this.#options.times !== undefined) throw error
      return await openStore({ ...options, times: !options.times }).catch(() => {
        // Another option differs. This error would also name `times`, which was changed only for this attempt.
        throw error
      })
    }
  }

  async #close(opening: Promise<Store>): Promise<void> {
    // If opening fails, the call that opened the log rejects, and there is nothing to close.
    const store = await opening.catch(() => undefined)
    await store?.close()
  }
}
