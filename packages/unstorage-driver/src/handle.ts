import { openStore, type Store, type StoreOptions } from '@flatlog/core'

/**
 * The log behind one driver, opened at its first use and again at the first use after a close. All callers wait for
 * the same promise, each with one `await`, so what was called first is also done first.
 */
export class StoreHandle {
  readonly #options: StoreOptions
  #opening: Promise<Store> | undefined
  #closing: Promise<void> = Promise.resolve()

  constructor(options: StoreOptions) {
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
    return await openStore(this.#options)
  }

  async #close(opening: Promise<Store>): Promise<void> {
    // Whoever waits for a failing open is told there; for closing it means that there is nothing to close.
    const store = await opening.catch(() => undefined)
    await store?.close()
  }
}
