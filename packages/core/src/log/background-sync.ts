import type { OpenFile } from '../platform/file-system.js'
import { SYNC_STEP_BYTES } from '../platform/limits.js'

/**
 * Syncs a file while it is being written, one sync at a time. After a failed sync it gives up, because the next sync
 * may falsely succeed: the pages that the first one lost are no longer dirty.
 */
export class BackgroundSync {
  #startedAt = 0
  #syncing: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined

  constructor(private readonly file: OpenFile) {}

  /** Syncs the file if it has grown enough. `offset`: how far it has been written. */
  reached(offset: number): void {
    if (this.#failure) throw this.#failure.cause
    if (this.#syncing || offset - this.#startedAt < SYNC_STEP_BYTES) return
    this.#startedAt = offset
    this.#syncing = this.file.sync().then(
      () => {
        this.#syncing = undefined
      },
      (cause: unknown) => {
        this.#syncing = undefined
        this.#failure = { cause }
      },
    )
  }

  /** Resolves when no sync is under way; rejects if one has failed. The last bytes may still need a sync. */
  async end(): Promise<void> {
    await this.#syncing
    if (this.#failure) throw this.#failure.cause
  }
}
