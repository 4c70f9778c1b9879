import type { Recovery } from '../log/damage-report.js'
import type { Mark } from '../log/mark.js'
import type { FlatlogError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import type { State } from '../state/state.js'

/** A log that is ready for the next record, unless it says that it is not. */
export interface OpenedLog {
  readonly file: OpenFile
  readonly index: State
  readonly store: string
  readonly checkpointSeq: number
  readonly checkpointBytes: number
  readonly checkpointCrc: string
  readonly lastSeq: number
  readonly lastCrc: string
  readonly lastTimestamp: string
  readonly endOffset: number
  readonly recovery: Recovery
  /** What the mark on disk says; `NO_MARK` where there is none and no room for one. */
  readonly mark: Mark
  /** Set where there was no room to make the log ready: its state is known, and nothing may be written to it yet. */
  readonly unrepaired?: Unrepaired
}

export interface Unrepaired {
  readonly error: FlatlogError
  /** Tries again. As long as there is no room it rejects, or leads to a log that is still unrepaired. */
  repair(): Promise<OpenedLog>
}

/** Says nothing, and is never what is to be said: it is written as soon as there is room. */
export const NO_MARK: Mark = {
  timestamp: '',
  store: '',
  seq: -1,
  mainFileSeq: null,
  mainFileCrc: null,
  backups: [],
}
