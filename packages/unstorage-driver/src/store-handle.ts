import { openStore, type Store, type StoreOptions } from '@flatlog/core'
import { type FlatlogDriverOptions, storeOptions } from './options.js'

/**
 * The log behind one driver, opened at its first use and again at the first use after a close. All callers wait for
 * the same promise, each with one `await`, so what was called first is also done first.
 */
export class StoreHandle {
  readonly #options: FlatlogDriverOptions
  #opening: Promise<Store> | undefined
  #closing: Promise<void> = Promise.resolve()
  /** The last try found the log in another's hands. */
  #wasLocked = false

  constructor(options: FlatlogDriverOptions) {
    this.#options = options
  }

  use(): Promise<Store> {
    if (this.#opening === undefined) {
      const opening = this.#open(this.#closing)
      this.#opening = opening
      // A failed open is not remembered: the cause may be gone at the next use.
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined
      })
    }
    return this.#opening
  }

  /** Makes what was written durable and gives the log back. Calls made before it are done first. */
  close(): Promise<void> {
    if (this.#opening !== undefined) {
      this.#closing = this.#close(this.#opening)
      this.#opening = undefined
    }
    return this.#closing
  }

  async #open(closing: Promise<void>): Promise<Store> {
    // What went wrong there was told to whoever closed.
    await closing.catch(() => {})
    const options = storeOptions(this.#options)
    try {
      // An owner that did not leave while the first use waited is there to stay: the others only have a look, so that
      // the second of several workers answers its requests at once instead of keeping each of them waiting.
      const store = await this.#openOrJoin(this.#wasLocked ? { ...options, lockWaitMs: 0 } : options)
      this.#wasLocked = false
      return store
    } catch (error) {
      this.#wasLocked = (error as { code?: unknown }).code === 'FLATLOG_LOCKED'
      throw error
    }
  }

  /** Whoever has the log open in this process has decided about `times`, unless they were asked for here by name. */
  async #openOrJoin(options: StoreOptions): Promise<Store> {
    try {
      return await openStore(options)
    } catch (error) {
      const isConflict = (error as { code?: unknown }).code === 'FLATLOG_OPTIONS_CONFLICT'
      if (!isConflict || this.#options.times !== undefined) throw error
      return await openStore({ ...options, times: !options.times })
    }
  }

  async #close(opening: Promise<Store>): Promise<void> {
    // Whoever waits for a failing open is told there; for closing it means that there is nothing to close.
    const store = await opening.catch(() => undefined)
    await store?.close()
  }
}
