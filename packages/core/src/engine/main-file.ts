import { RunningChecksum } from '../format/checksum.js'
import { quote } from '../format/json-text.js'
import type { StoreFiles } from '../log/store-files.js'
import { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { AUTO_MAIN_FILE_BYTES, READ_CHUNK_BYTES } from '../platform/limits.js'
import { replaceWholeFile, writeFully } from '../platform/whole-file.js'
import type { State } from '../state/state.js'
import { walkState } from '../state/write-state.js'
import { lackOfSpace } from './free-space.js'

/** A line has this more than its key and value: `  `, `: ` and `,\n`. */
const LINE_BYTES = 6
/** A pair has at least five bytes in a checkpoint, and four more here. */
const MAX_GROWTH = 2

/**
 * Writes `NAME.json`: the state as plain JSON, for people and other programs. It is a view of the log, replaced as a
 * whole and never read back.
 */
export class MainFile {
  constructor(
    private readonly files: StoreFiles,
    private readonly mode: 'auto' | boolean,
  ) {}

  /** True if a main file is wanted, and neither it nor one that was set aside exists. */
  isMissing(): boolean {
    return this.mode !== false && this.files.isMainFileGone()
  }

  get #maxBytes(): number {
    return this.mode === 'auto' ? AUTO_MAIN_FILE_BYTES : Number.POSITIVE_INFINITY
  }

  /**
   * Writes the state, or sets the present file aside if the state is too long or no file is wanted. Returns the checksum
   * of the file, or null if there is none now.
   *
   * The records of the state may not be on disk yet: `makeDurable` is called before the file gets its name, so that the
   * file never shows a record that a crash can undo.
   */
  async write(source: State, makeDurable: () => Promise<void>): Promise<string | null> {
    const { files } = this
    if (this.mode === false || (await this.#isTooLong(source))) return await this.#setAside()
    await this.#checkSpace(source)
    const crc = new RunningChecksum()
    await replaceWholeFile(files.fileSystem, files.directory, files.main, files.unfinishedMain, async (file) => {
      await this.#stream(file, source, crc)
      await makeDurable()
    })
    return crc.toString()
  }

  async #isTooLong(source: State): Promise<boolean> {
    if (MAX_GROWTH * source.stateBytes <= this.#maxBytes) return false
    return (await this.#length(source)) > this.#maxBytes
  }

  /** The length of the file in bytes. Counting ends above the limit. */
  async #length(source: State): Promise<number> {
    let bytes = '{}\n'.length
    for await (const [key, { text }] of walkState(source, this.files.clock.now(), this.files.slices())) {
      bytes += Buffer.byteLength(quote(key)) + Buffer.byteLength(text) + LINE_BYTES
      if (bytes > this.#maxBytes) break
    }
    return bytes
  }

  /** Renames the file, if there is one, so that its old state is not taken for the current one. */
  async #setAside(): Promise<null> {
    const { files } = this
    if (files.status(files.main)) {
      files.fileSystem.rename(files.main, files.staleMain)
      await files.fileSystem.syncDirectory(files.directory)
    }
    return null
  }

  async #checkSpace(source: State): Promise<void> {
    const { files } = this
    const logBytes = files.status(files.log)?.sizeBytes ?? 0
    const roughBytes = Math.min(MAX_GROWTH * logBytes, this.#maxBytes)
    const lack = await lackOfSpace(files.fileSystem, files.directory, roughBytes, () => this.#length(source))
    if (!lack) return
    throw new FlatlogError(
      'FLATLOG_NO_SPACE',
      `Writing ${files.main} needs about ${lack.needed} bytes, but only ${lack.free} are free. The file was not changed, and the ` +
        'log has everything. What to do: free some space; the file is written again at the next checkpoint or at close.',
      { path: files.main },
    )
  }

  async #stream(file: OpenFile, source: State, crc: RunningChecksum): Promise<void> {
    let written = 0
    let pending = ''
    const flush = () => {
      const bytes = Buffer.from(pending)
      writeFully(file, bytes, written)
      crc.add(bytes)
      written += bytes.length
      pending = ''
    }
    // One line a key, written with the next one: only then is it known whether a comma follows.
    let line = '{'
    let end = '\n'
    for await (const [key, value] of walkState(source, this.files.clock.now(), this.files.slices())) {
      pending += line + end
      line = `  ${quote(key)}: ${value.text}`
      end = ',\n'
      if (pending.length >= READ_CHUNK_BYTES) flush()
    }
    pending += line === '{' ? '{}\n' : `${line}\n}\n`
    flush()
  }
}
