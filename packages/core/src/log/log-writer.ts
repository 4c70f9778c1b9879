import { FlatlogError, isNoSpace, systemCode } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'

/** Why a write did not succeed. */
export type WriteFault =
  /** There is no room. The file was cut back to its former length, and the next write may try again. */
  | { readonly kind: 'no-space'; readonly cause: unknown }
  /** We no longer know what the disk holds. */
  | { readonly kind: 'failed'; readonly cause: unknown }

/** The end of the log: where records are appended, and how far they are known to be on disk. */
export class LogWriter {
  #file: OpenFile
  #offset: number
  /** The last record that was written, synced or not. */
  #writtenSeq: number
  /** The last record that a returned sync covered. */
  #syncedSeq: number
  /** The `synced` that was last written to the file; -1 in a new generation, which has none yet. */
  #writtenSyncedSeq = -1
  #syncing: Promise<void> | undefined
  /** The file was cut back. Until that is on disk, a power cut may bring the longer one back. */
  #isCut = false
  bytesWritten = 0
  syncs = 0

  constructor(
    /** The log's path; the file may have been opened under another name. */
    readonly path: string,
    file: OpenFile,
    offset: number,
    seq: number,
  ) {
    this.#file = file
    this.#offset = offset
    this.#writtenSeq = seq
    this.#syncedSeq = seq
  }

  get file(): OpenFile {
    return this.#file
  }

  get offset(): number {
    return this.#offset
  }

  get writtenSeq(): number {
    return this.#writtenSeq
  }

  get syncedSeq(): number {
    return this.#syncedSeq
  }

  /** The `syncedSeq` to write with the next records, or undefined if it has not changed. */
  get nextSynced(): number | undefined {
    return this.#syncedSeq === this.#writtenSyncedSeq ? undefined : this.#syncedSeq
  }

  /** Appends the lines, all of them or none. The first of them carries `nextSynced`. */
  append(lines: Uint8Array, lastSeq: number, nextSynced: number | undefined): WriteFault | undefined {
    const { length } = lines
    try {
      const written = this.#file.write(lines, this.#offset)
      // On a full disk the system writes fewer bytes without an error.
      if (written !== length) return this.#cutBack(new Error(`${written} of ${length} bytes were written`))
    } catch (cause) {
      return isNoSpace(cause) ? this.#cutBack(cause) : { kind: 'failed', cause }
    }
    this.#offset += length
    this.bytesWritten += length
    this.#writtenSeq = lastSeq
    if (nextSynced !== undefined) this.#writtenSyncedSeq = nextSynced
    return undefined
  }

  #cutBack(cause: unknown): WriteFault {
    try {
      this.#file.truncate(this.#offset)
      this.#isCut = true
      return { kind: 'no-space', cause }
    } catch (truncateCause) {
      return { kind: 'failed', cause: truncateCause }
    }
  }

  /** Resolves when everything written or cut off before this call is on disk. One sync is in flight at a time. */
  async sync(): Promise<void> {
    const wanted = this.#writtenSeq
    // A sync that is in flight may have begun before the last write, so it proves nothing about that write.
    while (this.#syncing) await this.#syncing
    if (this.#syncedSeq >= wanted && !this.#isCut) return
    const syncedSeq = this.#writtenSeq
    this.#isCut = false
    this.syncs++
    this.#syncing = this.#file.sync().finally(() => {
      this.#syncing = undefined
    })
    await this.#syncing
    this.#syncedSeq = Math.max(this.#syncedSeq, syncedSeq)
  }

  /** Continues in a new generation, all of whose bytes are on disk. */
  switchTo(file: OpenFile, offset: number): void {
    const former = this.#file
    this.#file = file
    this.#offset = offset
    this.#syncedSeq = this.#writtenSeq
    this.#writtenSyncedSeq = -1
    this.#isCut = false
    former.close()
  }

  /** Continues through another descriptor of the same file. */
  useFile(file: OpenFile): void {
    this.#file = file
  }

  close(): void {
    this.#file.close()
  }
}

export function noSpaceError(path: string, offset: number, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_NO_SPACE',
    `There is no room to write to ${path}${systemCode(cause) ? ` (${systemCode(cause)})` : ''}. This write changed nothing: ` +
      `the log ends with its last whole record at byte ${offset}. What to do: free some space and write again.`,
    { path, offset, cause },
  )
}

export function failedError(path: string, cause: unknown): FlatlogError {
  return new FlatlogError(
    'FLATLOG_FAILED',
    `Writing to ${path} failed (${systemCode(cause) ?? (cause as Error)?.message ?? cause}). Pending records may or may ` +
      'not be on disk. Reads still work; writes are refused. What to do: check the disk, then call store.reopen().',
    { path, cause },
  )
}
