import { RunningChecksum } from '../format/checksum.js'
import { quote } from '../format/json-text.js'
import { isMainFileGone, type StorePaths } from '../log/store-files.js'
import { type Clock, Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import { AUTO_MAIN_FILE_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import { replaceWholeFile, writeFully } from '../platform/whole-file.js'
import type { KeyIndex, StateSource } from '../state/types.js'
import { checkpointLength, walkState } from '../state/write-state.js'
import { lackOfSpace } from './free-space.js'

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
    return this.mode !== false && isMainFileGone(this.fileSystem, this.paths)
  }

  /**
   * Writes the state, or puts an older file out of the way where it is too long or not wanted. What is read for it may be
   * on its way to the log still: `makeDurable` sees to it that the file shows nothing that a crash can take back. Returns
   * the checksum of the file's bytes, null where there is no file now.
   */
  async write(source: KeyIndex, makeDurable: () => Promise<void>): Promise<string | null> {
    const { fileSystem, paths, mode } = this
    if (mode !== false && !this.#isFarTooLong(source)) {
      await this.#checkSpace(source)
      try {
        const crc = new RunningChecksum()
        await replaceWholeFile(fileSystem, paths.directory, paths.main, `${paths.main}.new`, async (file) => {
          await this.#stream(file, source, crc)
          await makeDurable()
        })
        return crc.toString()
      } catch (error) {
        if (!(error instanceof TooLong)) throw error
      }
    }
    // Nobody should take an old state for the present one.
    if (fileSystem.status(paths.main)) {
      fileSystem.rename(paths.main, `${paths.main}.stale`)
      await fileSystem.syncDirectory(paths.directory)
    }
    return null
  }

  /** Whether it is too long is found out by writing it, which a large store should not have to do each time. */
  #isFarTooLong(source: KeyIndex): boolean {
    if (this.mode !== 'auto' || source.stateBytes <= 2 * AUTO_MAIN_FILE_BYTES) return false
    return source.liveCheckpointBytes(this.clock.now()) > 2 * AUTO_MAIN_FILE_BYTES
  }

  async #checkSpace(source: StateSource): Promise<void> {
    const { fileSystem, clock, paths } = this
    const logBytes = fileSystem.status(paths.log)?.sizeBytes ?? 0
    const exact = () => checkpointLength(source, clock.now(), new Slices(clock))
    const lack = await lackOfSpace(fileSystem, paths.directory, logBytes, exact)
    if (!lack) return
    throw new FlatlogError(
      'FLATLOG_NO_SPACE',
      `Writing ${paths.main} needs about ${lack.needed} bytes, and ${lack.free} are free. The log has everything; this file is ` +
        'as it was before. What to do: free some space; it is written again at the next checkpoint, or at close.',
      { path: paths.main },
    )
  }

  async #stream(file: OpenFile, source: StateSource, crc: RunningChecksum): Promise<void> {
    const maxBytes = this.mode === 'auto' ? AUTO_MAIN_FILE_BYTES : Number.POSITIVE_INFINITY
    let written = 0
    let pending = ''
    const flush = () => {
      const bytes = Buffer.from(pending)
      if (written + bytes.length > maxBytes) throw new TooLong()
      writeFully(file, bytes, written)
      crc.add(bytes)
      written += bytes.length
      pending = ''
    }
    const text = new MainFileText()
    for await (const [key, value] of walkState(source, this.clock.now(), new Slices(this.clock))) {
      pending += text.add(key, value.text)
      if (pending.length >= READ_CHUNK_BYTES) flush()
    }
    pending += text.end()
    flush()
  }
}

class TooLong extends Error {}

/** Puts the text together: a line for each key. */
class MainFileText {
  #line = '{'
  #separator = '\n'

  /** The line ahead of this key's, which is only now known not to be the last one. */
  add(key: string, value: string): string {
    const line = this.#line + this.#separator
    this.#line = `  ${quote(key)}: ${value}`
    this.#separator = ',\n'
    return line
  }

  end(): string {
    return this.#separator === '\n' ? '{}\n' : `${this.#line}\n}\n`
  }
}

/** The lines of a main file of this state, without their newlines. */
export async function* mainFileLines(source: StateSource, nowMs: number, slices: Slices): AsyncGenerator<string> {
  const text = new MainFileText()
  for await (const [key, value] of walkState(source, nowMs, slices)) yield text.add(key, value.text).slice(0, -1)
  yield* text.end().slice(0, -1).split('\n')
}
