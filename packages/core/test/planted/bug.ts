import type { Focus } from '../simulation/model.js'

/** One change to a source file of the engine. */
export interface Edit {
  /** Relative to src. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly from: string
  readonly to: string
}

/** A broken engine, which the model test must reject. */
export interface Bug {
  readonly name: string
  /** What goes wrong. */
  readonly what: string
  readonly edits: readonly Edit[]
  /** The conditions under which it shows; the rest is left to chance. */
  readonly focus: Focus
}
