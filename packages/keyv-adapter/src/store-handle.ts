import { resolve } from 'node:path'
import { FlatlogError, openStore, type Store, type StoreOptions } from '@flatlog/core'
import { claimLayout } from './layout-claims.js'

const DEFAULT_DIR = '.data'

type HandleOptions = StoreOptions & { readonly name: string }

/**
 * Opens the log of one store object at its first use.
 *
 * All callers await the same promise, each exactly once, so operations take effect in the order of the calls.
 */
export class StoreHandle {
  readonly #options: HandleOptions & { readonly dir: string }
  readonly #bareNamespace: string | undefined
  readonly #onProblem: (error: FlatlogError) => void
  #opening: Promise<Store> | undefined
  #closing: Promise<void> | undefined
  #release = () => {}

  constructor(options: HandleOptions, bareNamespace: string | undefined, onProblem: (error: FlatlogError) => void) {
    // Resolved now, because the working directory may change before the log is opened.
    this.#options = { ...options, dir: toAbsolute(options.dir) }
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
      const release = claimLayout(this.#options.dir, this.#options.name, this.#bareNamespace)
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

/** Leaves an invalid directory unchanged, for the core to refuse. */
function toAbsolute(dir = DEFAULT_DIR): string {
  return typeof dir === 'string' && dir !== '' ? resolve(dir) : dir
}
