import type { Clock } from '../base/clock.js'
import { AUTO_MAIN_FILE_BYTES, READ_CHUNK_BYTES } from '../base/limits.js'
import { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { replaceWholeFile, writeFully } from '../fs/whole-file.js'
import type { StorePaths } from '../log/names.js'
import { quote } from '../record/json-text.js'
import { type StateSource, walkState } from './checkpoint.js'

/**
 * `NAME.json`: the state as plain JSON, for people and other programs. It is a view of the log: replaced as a whole,
 * and never read back.
 */
export class MainFile {
  constructor(
    private readonly fileSystem: FileSystem,
    private readonly clock: Clock,
    private readonly paths: StorePaths,
    private readonly mode: 'auto' | boolean,
  ) {}

  /** True where a main file is wanted and neither it nor the one that was put out of the way is there. */
  isMissing(): boolean {
    const { fileSystem, paths, mode } = this
    return mode !== false && !fileSystem.status(paths.main) && !fileSystem.status(`${paths.main}.stale`)
  }

  /**
   * Writes the state, or puts an older file out of the way where it is too long or not wanted. What is read for it may be
   * on its way to the log still: `makeDurable` sees to it that the file shows nothing that a crash can take back.
   */
  async write(source: StateSource, makeDurable: () => Promise<void>): Promise<void> {
    const { fileSystem, paths, mode } = this
    if (mode !== false) {
      try {
        await replaceWholeFile(fileSystem, paths.directory, paths.main, `${paths.main}.new`, async (file) => {
          await this.#stream(file, source)
          await makeDurable()
        })
        return
      } catch (error) {
        if (!(error instanceof TooLong)) throw error
      }
    }
    // Nobody should take an old state for the present one.
    if (fileSystem.status(paths.main)) {
      fileSystem.rename(paths.main, `${paths.main}.stale`)
      await fileSystem.syncDirectory(paths.directory)
    }
  }

  async #stream(file: OpenFile, source: StateSource): Promise<void> {
    const maxBytes = this.mode === 'auto' ? AUTO_MAIN_FILE_BYTES : Number.POSITIVE_INFINITY
    let written = 0
    let pending = '{'
    let separator = '\n'
    const flush = () => {
      const bytes = Buffer.from(pending)
      if (written + bytes.length > maxBytes) throw new TooLong()
      writeFully(file, bytes, written)
      written += bytes.length
      pending = ''
    }
    for await (const [key, { text }] of walkState(source, this.clock.now(), new Slices(this.clock))) {
      pending += `${separator}  ${quote(key)}: ${text}`
      separator = ',\n'
      if (pending.length >= READ_CHUNK_BYTES) flush()
    }
    pending += separator === '\n' ? '}\n' : '\n}\n'
    flush()
  }
}

class TooLong extends Error {}
