import { FlatlogError, openStore, type Store, type StoreOptions } from '@flatlog/core'
import { claimLayout } from './layout-claims.js'

/** Where the log is when no directory is given; the same as the core's own default. */
const DEFAULT_DIR = '.data'

/**
 * The log behind one store object, opened at its first use. All callers wait for the same promise, each with one
 * `await`, so what was called first is also done first.
 */
export class StoreHandle {
  readonly #options: StoreOptions & { readonly name: string }
  readonly #bareNamespace: string | undefined
  readonly #onProblem: (error: FlatlogError) => void
  #opening: Promise<Store> | undefined
  #closing: Promise<void> | undefined
  #release = () => {}

  constructor(
    options: StoreOptions & { readonly name: string },
    bareNamespace: string | undefined,
    onProblem: (error: FlatlogError) => void,
  ) {
    this.#options = options
    this.#bareNamespace = bareNamespace
    this.#onProblem = onProblem
  }

  use(): Promise<Store> {
    if (this.#closing) {
      return Promise.reject(
        new FlatlogError(
          'FLATLOG_CLOSED',
          `The store ${JSON.stringify(this.#options.name)} was disconnected. What to do: make a new KeyvFlatlog, and ` +
            'disconnect only when nothing uses the old one any more.',
        ),
      )
    }
    if (this.#opening === undefined) {
      const opening = this.#open()
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
    this.#closing ??= this.#close(this.#opening)
    return this.#closing
  }

  async #open(): Promise<Store> {
    const store = await openStore(this.#options)
    try {
      // Only now is the directory there for certain, and has one real path however it is spelled.
      const release = claimLayout(this.#options.dir ?? DEFAULT_DIR, this.#options.name, this.#bareNamespace)
      const stopReports = store.on('problem', this.#onProblem)
      this.#release = () => {
        stopReports()
        release()
      }
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async #close(opening: Promise<Store> | undefined): Promise<void> {
    if (opening === undefined) return
    // Whoever waits for a failing open is told there; for closing it means that there is nothing to close.
    const store = await opening.catch(() => undefined)
    if (store === undefined) return
    await store.close().finally(this.#release)
  }
}
