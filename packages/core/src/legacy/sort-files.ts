import { removeSortRuns } from '../log/replace-log.js'
import { type StorePaths, sortRunPath } from '../log/store-files.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import { removeIfThere } from '../platform/whole-file.js'

/** The temporary files of one external sort, beside the log. */
export class SortFiles {
  readonly #files = new Set<OpenFile>()
  #count = 0

  constructor(
    private readonly fileSystem: FileSystem,
    private readonly paths: StorePaths,
  ) {}

  create(): OpenFile {
    // Whoever was killed in the middle of this has left its own, which take the room that these need.
    if (this.#count === 0) removeSortRuns(this.fileSystem, this.paths)
    const file = this.fileSystem.open(sortRunPath(this.paths, ++this.#count), 'create')
    this.#files.add(file)
    return file
  }

  remove(file: OpenFile): void {
    // Windows does not remove an open file.
    file.close()
    removeIfThere(this.fileSystem, file.path)
    this.#files.delete(file)
  }

  /** Never throws: what cannot be removed now is removed when the log is ready, or by the next opening. */
  removeAll(): void {
    for (const file of this.#files) {
      try {
        this.remove(file)
      } catch {
        // See above.
      }
    }
  }
}
