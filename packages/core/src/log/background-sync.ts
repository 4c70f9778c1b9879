import type { OpenFile } from '../platform/file-system.js'
import { SYNC_STEP_BYTES } from '../platform/limits.js'

/**
 * Brings a file to disk while it is being written, one sync at a time. A sync that failed may have lost pages that the next
 * one says nothing of, so it is never taken for made good by another.
 */
export class BackgroundSync {
  #startedAt = 0
  #syncing: Promise<void> | undefined
  #failure: { readonly cause: unknown } | undefined

  constructor(private readonly file: OpenFile) {}

  /** The file has been written up to there. */
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

  /** Resolves when nothing is under way; rejects if any of it has failed. What was written last is not synced yet. */
  async end(): Promise<void> {
    await this.#syncing
    if (this.#failure) throw this.#failure.cause
  }
}
