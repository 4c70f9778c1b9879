import type { Verification } from './types.js'

/** Work on the log that goes on beside reading and writing; the layer above provides it. */
export interface Maintenance {
  /** Some records were acknowledged: perhaps the log wants compacting. */
  afterWrite(): void
  compact(): Promise<void>
  verify(): Promise<Verification>
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
  /** Starts nothing more and waits for what is under way. */
  stop(): Promise<void>
  /** What there is to say in `stats()`. */
  stats(): Record<string, unknown>
}
