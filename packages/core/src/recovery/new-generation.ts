import { readBackCheckpoint } from '../log/checkpoint-opener.js'
import { addUnwritable, type Recovery } from '../log/damage-report.js'
import type { StoreFiles } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { type FlatlogError, ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { removeIfThere } from '../platform/whole-file.js'
import type { StateValue } from '../state/types.js'
import { allNew, writeCheckpoint } from '../state/write-state.js'
import { type LogContent, readGeneration } from './read-log.js'

export interface NewGeneration {
  readonly path: string
  /** The state, in key order. */
  readonly pairs: AsyncIterable<readonly [key: string, value: StateValue]>
  /** About how many bytes the state has: larger checkpoints get larger parts. */
  readonly stateBytes: number
  /** The last record that the state contains. */
  readonly seq: number
  /** The id of the store; a new store gets one here. */
  readonly store?: string | undefined
  /** The last timestamp in the log so far; empty if there is none. */
  readonly notBefore: string
  readonly options: Pick<ResolvedOptions, 'times' | 'cacheBytes'>
  /** Gets the keys that had to be left out. */
  readonly report: Recovery
}

/** A whole generation, open. */
export type CleanGeneration = LogContent & { readonly file: OpenFile; readonly store: string }

const STORE_ID_DIGITS = 16

/** Writes a state as a new generation, makes it durable and reads it back. Returns what was read. */
export async function writeNewGeneration(
  files: StoreFiles,
  { path, pairs, stateBytes, seq, notBefore, options, report, ...given }: NewGeneration,
): Promise<CleanGeneration> {
  const { fileSystem } = files
  const store = given.store ?? files.machine.processes.newToken().slice(0, STORE_ID_DIGITS)
  removeIfThere(fileSystem, path)
  const file = fileSystem.open(path, 'create')
  try {
    const now = files.now()
    const start = { seq, store, timestamp: now > notBefore ? now : notBefore, stateBytes }
    const slices = files.slices()
    const written = await writeCheckpoint(file, allNew(pairs), start, slices, (key) => addUnwritable(report, key))
    await file.sync()
    // Reads every byte back. The reader below goes by the index, however long the file is.
    if (!(await readBackCheckpoint(file, written, slices))) throw readsBackDifferently(path)
    const beside = { mark: undefined, backups: [], storeBeside: store, wasReleased: true }
    const how = { ...options, isWhole: false, onProgress() {} }
    const read = await readGeneration(files, file, beside, how)
    if (read.isDamaged || read.cut || read.lastSeq !== seq) throw readsBackDifferently(path)
    return { ...read, store, file }
  } catch (error) {
    file.close()
    removeIfThere(fileSystem, path)
    throw error
  }
}

function readsBackDifferently(path: string): FlatlogError {
  return ioError('write', path, new Error('it does not read back as it was written'))
}
