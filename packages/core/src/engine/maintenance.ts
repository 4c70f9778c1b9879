import type { OnBadPart } from '../state/types.js'
import type { Verification } from './backend.js'

/** Work on the log that goes on beside reading and writing; the layer above provides it. */
export interface Maintenance {
  /** Some records were acknowledged: perhaps the log wants compacting. */
  afterWrite(): void
  compact(): Promise<void>
  verify(): Promise<Verification>
  /** How long the next write is to wait for what goes on beside it, where the last one had so many bytes: mostly not at all. */
  delayMs(lastBytes: number): number
  /** The log is longer than it should be, and a compaction is under way: writers get less of the time than it does. */
  readonly isPressed: boolean
  /** A part of the checkpoint was read and is not what was written. */
  readonly foundDamaged: OnBadPart
  /** There is damage that is not healed, yet or at all. */
  readonly isDamaged: boolean
  /** The log has lines that are not what was written, healed or not: as it is it would be no good backup. */
  readonly isLogDamaged: boolean
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  /** Starts nothing more and waits for what is under way. */
  stop(): Promise<void>
  /** What there is to say in `stats()`. */
  stats(): Record<string, unknown>
}
