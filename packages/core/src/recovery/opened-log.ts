import type { Recovery } from '../log/damage-report.js'
import type { Mark } from '../log/mark.js'
import type { OpenFile } from '../platform/file-system.js'
import type { State } from '../state/state.js'

/** A log that is ready for the next record. */
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
  /** The mark on disk; `NO_MARK` where there is none, and no room for one. */
  readonly mark: Mark
}
