import { oneLine } from '../format/json-text.js'
import type { Recovery } from '../log/damage-report.js'
import type { StorePaths } from '../log/store-files.js'
import type { Progress } from '../options.js'
import type { Slices } from '../platform/clock.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import type { CheckpointInput } from '../state/write-state.js'
import { ExternalSort } from './external-sort.js'
import { readLongValue } from './long-value.js'
import { merge } from './merge.js'
import { ProgressTeller } from './progress.js'
import { SortFiles } from './sort-files.js'
import { DELETED, type SortedSource, type SortedValue } from './sort-run.js'

export interface OriginalContext {
  readonly fileSystem: FileSystem
  readonly paths: StorePaths
  readonly recovery: Recovery
  readonly slices: Slices
  readonly times: boolean
  readonly onProgress: (progress: Progress) => void
  /** Nothing may be written: all of the state has to fit in memory. */
  readonly isReadOnly: boolean
}

/** The state of an installation of the original system: what its files say, put in order. */
export class OriginalState {
  /** The number of the last line; line n of an older log counts as record n. */
  lastSeq = 0
  readonly #sortFiles: SortFiles | undefined
  /** What each file says; the one that counts first comes first. */
  readonly #files: { readonly file: OpenFile; readonly sort: ExternalSort; readonly isOwn: boolean }[] = []

  constructor(private readonly context: OriginalContext) {
    const { fileSystem, paths, isReadOnly } = context
    this.#sortFiles = isReadOnly ? undefined : new SortFiles(fileSystem, paths)
  }

  /** For what a file says that counts where those before it say nothing. The file stays open as long as this is used. */
  addFile(file: OpenFile, isOwn: boolean): ExternalSort {
    const sort = new ExternalSort(this.#sortFiles)
    this.#files.push({ file, sort, isOwn })
    return sort
  }

  /** About how many bytes the state has, and no fewer. */
  get sizeBytes(): number {
    return this.#files.reduce((bytes, { sort }) => bytes + sort.sizeBytes, 0)
  }

  /** All that is there, in key order. */
  async *pairs(): AsyncGenerator<[key: string, value: CheckpointInput]> {
    const { slices, onProgress } = this.context
    const fileOf = new Map<SortedSource, OpenFile>()
    for (const { file, sort } of this.#files) {
      for (const source of await sort.sources(slices)) fileOf.set(source, file)
    }
    const progress = new ProgressTeller(onProgress, 'write', this.sizeBytes)
    let done = 0
    for (const source of await merge([...fileOf.keys()], slices)) {
      const { key } = source
      const value = source.value()
      if (value !== DELETED) yield [key, toStateValue(value, fileOf.get(source) as OpenFile)]
      const length = key.length + lengthOf(value)
      done += length
      progress.reached(done)
      if (slices.isDue(length)) await slices.pause()
    }
    progress.finish()
  }

  /** Closes and removes what was made on the way. Never throws. */
  dispose(): void {
    this.#sortFiles?.removeAll()
    for (const { file, isOwn } of this.#files) if (isOwn) file.close()
  }
}

function toStateValue(value: Exclude<SortedValue, typeof DELETED>, file: OpenFile): CheckpointInput {
  const { time } = value
  if ('range' in value) return { pieces: () => readLongValue(file, value.range), time }
  const text = oneLine(value.bytes.toString('utf8', value.start, value.end))
  return { text, encoding: undefined, expires: undefined, time }
}

function lengthOf(value: SortedValue): number {
  if (value === DELETED) return 0
  const { start, end } = 'range' in value ? value.range : value
  return end - start
}
