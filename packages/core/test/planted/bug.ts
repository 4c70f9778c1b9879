import type { Focus } from '../simulation/model.js'

/** One place of the engine's sources that is written otherwise. */
export interface Edit {
  /** Under src. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
}

/** A broken engine, and the test that must not pass it. */
export interface Bug {
  readonly name: string
  /** What goes wrong with it. */
  readonly what: string
  readonly edits: readonly Edit[]
  /** Under what it shows; everything that is not said here is left to chance. */
  readonly focus: Focus
  /** It takes long to be found, and is looked for in the long tests only. */
  readonly isRare?: boolean
}
