import type { FileSystem } from '../platform/file-system.js'
import { createWholeFile, removeIfThere, writeFully } from '../platform/whole-file.js'

/**
 * Room for the lock on a disk that has none left. Whoever opens a store writes down who it is, and that takes a block of
 * the disk; these files beside the lock have theirs already. One may have become the lock, the second is for whoever
 * opens after that owner was killed, and the third for the next, should the second one die in the midst of it.
 *
 * A spare is taken by renaming it, so of all who want it one gets it. What stands in it means nothing, and it has never
 * a second name: it is written to in place.
 */
const ENDINGS = ['.spare', '.spare.2', '.spare.3']

/** One block of most file systems; a lock's record is a tenth of it. */
const SPARE_BYTES = 4096
const BLANK = Buffer.from(
  `${'Kept for the lock, so that the store can be opened when the disk is full.'.padEnd(SPARE_BYTES - 1)}\n`,
)

export class LockReserve {
  readonly #spares: readonly string[]

  constructor(
    private readonly fileSystem: FileSystem,
    lockPath: string,
  ) {
    this.#spares = ENDINGS.map((ending) => lockPath + ending)
  }

  get isEmpty(): boolean {
    return !this.#spares.some((spare) => this.fileSystem.status(spare))
  }

  get isComplete(): boolean {
    return this.#missing() === undefined
  }

  #missing(): string | undefined {
    return this.#spares.find((spare) => !this.fileSystem.status(spare))
  }

  /** Makes a file of these bytes out of a spare, without a block of the disk; false if there is none. */
  take(path: string, bytes: Uint8Array): boolean {
    return this.#spares.some((spare) => this.#isTaken(spare, path) && this.#isFilled(path, bytes))
  }

  #isTaken(spare: string, path: string): boolean {
    try {
      this.fileSystem.rename(spare, path)
      return true
    } catch {
      // It is not there, or somebody else was faster.
      return false
    }
  }

  /** False for a spare that has lost its block in a power cut. */
  #isFilled(path: string, bytes: Uint8Array): boolean {
    try {
      const file = this.fileSystem.open(path, 'write')
      try {
        writeFully(file, bytes, 0)
        file.truncate(bytes.length)
      } finally {
        file.close()
      }
      return true
    } catch {
      this.#discard(path)
      return false
    }
  }

  /** A file that is ours alone and has no other name becomes a spare, or is removed where none is missing. */
  give(path: string): void {
    try {
      const missing = this.#missing()
      if (missing === undefined) {
        removeIfThere(this.fileSystem, path)
        return
      }
      // Before it gets the name: from then on it may be somebody else's.
      this.#blank(path)
      this.fileSystem.rename(path, missing)
    } catch {
      this.#discard(path)
    }
  }

  /** As far as its block goes: on a full disk that is all it can be. */
  #blank(path: string): void {
    const file = this.fileSystem.open(path, 'write')
    try {
      file.write(BLANK, 0)
    } catch {
      // Only for people who look into it.
    } finally {
      file.close()
    }
  }

  /** Makes what is missing, under a name of the caller's first, and as far as there is room. */
  complete(temporary: string): void {
    try {
      for (const spare of this.#spares) {
        if ((this.fileSystem.status(spare)?.sizeBytes ?? 0) >= SPARE_BYTES) continue
        removeIfThere(this.fileSystem, temporary)
        createWholeFile(this.fileSystem, temporary, BLANK)
        this.fileSystem.rename(temporary, spare)
      }
    } catch {
      // The store does without as long as there is room for a lock.
      this.#discard(temporary)
    }
  }

  #discard(path: string): void {
    try {
      removeIfThere(this.fileSystem, path)
    } catch {
      // It bears the token of whoever made it and is in nobody's way; the next successor removes it.
    }
  }
}
