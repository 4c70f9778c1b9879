import type { StorePaths } from '../log/store-files.js'
import type { OpenFile } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import type { Events } from './events.js'

/** Where the checkpoint of the log ends and what it covers. */
export interface CheckpointPlace {
  readonly seq: number
  readonly bytes: number
  /** The header's checksum. */
  readonly crc: string
}

/** Whose changes are followed: an engine that writes the log, or a reader that goes after what another process writes. */
export interface ChangeSource {
  readonly machine: Machine
  readonly paths: StorePaths
  readonly events: Events
  readonly storeId: string | undefined
  readonly checkpoint: CheckpointPlace
  /** The log under the descriptor by which it is known: its name may stand for another file by now. Undefined: none. */
  readonly logFile: OpenFile | undefined
  /** The last record that may be told of. */
  readonly acknowledged: { readonly seq: number; readonly crc: string }
  /** Another number once a record that was told of may be one that does not count any more. */
  readonly history: number
}
