import { FlatlogError, openStore, type Store, type StoreOptions } from '@flatlog/core'
import { claimLayout } from './layout-claims.js'

/** The directory if none is given. The same default as in the core. */
const DEFAULT_DIR = '.data'

/**
 * Opens the log of one store object at its first use.
 *
 * All callers await the same promise, each exactly once, so operations take effect in the order of the calls.
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
          `The store ${JSON.stringify(this.#options.name)} was disconnected. Create a new KeyvFlatlog to use it again, and ` +
            'disconnect a store only when nothing uses it any more.',
        ),
      )
    }
    if (this.#opening === undefined) {
      const opening = this.#open()
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
    this.#closing ??= this.#close(this.#opening)
    return this.#closing
  }

  async #open(): Promise<Store> {
    const store = await openStore(this.#options)
    try {
      // After opening, because the directory must exist before its real path can be resolved.
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
    // If opening fails, the call that opened the log rejects, and there is nothing to close.
    const store = await opening.catch(() => undefined)
    if (store === undefined) return
    await store.close().finally(this.#release)
  }
}
