import { readBackCheckpoint } from '../log/checkpoint-opener.js'
import { addUnwritable, newRecovery, type Recovery } from '../log/damage-report.js'
import type { StorePaths } from '../log/store-files.js'
import type { ResolvedOptions } from '../options.js'
import { Slices } from '../platform/clock.js'
import { ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { removeIfThere } from '../platform/whole-file.js'
import type { StateValue } from '../state/types.js'
import { allNew, writeCheckpoint } from '../state/write-state.js'
import { type Loaded, Loader } from './read-log.js'

export interface NewGeneration {
  readonly path: string
  /** The state, in key order. */
  readonly pairs: AsyncIterable<readonly [key: string, value: StateValue]>
  /** About how many bytes it has: larger checkpoints get larger parts. */
  readonly stateBytes: number
  /** The record that the state is of. */
  readonly seq: number
  /** Undefined: of a store that has no name of its own yet. */
  readonly store: string | undefined
  /** The last time in the log so far; empty where there is none. */
  readonly notBefore: string
  readonly options: Pick<ResolvedOptions, 'times' | 'cacheBytes'>
  /** Where it is said what had to be left out. */
  readonly report: Recovery
}

export type CleanGeneration = Loaded & { readonly file: OpenFile; readonly store: string }

/** Writes a state as a generation of its own, makes it durable, and reads it back: what is returned is what was read. */
export async function writeNewGeneration(
  machine: Machine,
  paths: StorePaths,
  { path, pairs, stateBytes, seq, store = newStoreId(machine), notBefore, options, report }: NewGeneration,
): Promise<CleanGeneration> {
  const { fileSystem, clock } = machine
  removeIfThere(fileSystem, path)
  const file = fileSystem.open(path, 'create')
  try {
    const now = new Date(clock.now()).toISOString()
    const timestamp = now > notBefore ? now : notBefore
    const start = { seq, store, timestamp, stateBytes }
    const leaveOut = (key: string) => addUnwritable(report, key)
    const slices = new Slices(clock)
    const written = await writeCheckpoint(file, allNew(pairs), start, slices, leaveOut)
    await file.sync()
    // Every byte is read back; the loader goes by the index, however long the file is.
    const isSame = await readBackCheckpoint(file, written, slices)
    if (!isSame) throw ioError('write', path, new Error('it does not read back as it was written'))
    const recovery = newRecovery('log')
    const beside = { backups: [], mark: undefined, storeBeside: store, wasReleased: true }
    const loaded = await new Loader(
      {
        fileSystem,
        clock,
        paths,
        ...beside,
        times: options.times,
        cacheBytes: options.cacheBytes,
        isWhole: false,
        recovery,
        onProgress() {},
      },
      file,
    ).load()
    if (loaded.isDamaged || loaded.cut || loaded.lastSeq !== seq) {
      throw ioError('write', path, new Error('it does not read back as it was written'))
    }
    return { ...loaded, store, file }
  } catch (error) {
    file.close()
    removeIfThere(fileSystem, path)
    throw error
  }
}

/** What tells the files of one store from those of another that bears its name. */
function newStoreId(machine: Machine): string {
  return machine.processes.newToken().slice(0, 16)
}
