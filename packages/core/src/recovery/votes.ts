import { decodeLine } from '../format/decode.js'
import { readLines } from '../log/line-reader.js'
import type { OpenFile } from '../platform/file-system.js'

/**
 * Which store the files of one name are of. A file of another store that bears the name proves nothing and must not be
 * taken for the log; and which of several is the stranger is told by the others.
 */

/** What the first line of a file that holds any state and can be read says. */
export interface Glimpse {
  readonly isReadable: boolean
  /** Undefined where that line is no header. */
  readonly store: string | undefined
}

export function glimpse(file: OpenFile): Glimpse {
  for (const raw of readLines(file)) {
    const line = decodeLine(raw.bytes)
    if (line.kind !== 'bad' && line.kind !== 'index')
      return { isReadable: true, store: line.kind === 'header' ? line.store : undefined }
  }
  return { isReadable: false, store: undefined }
}

/** The mark has a vote, and each generation that stands beside the log. */
export class Votes {
  readonly #votes = new Map<string, number>()
  /** The store that most of them name, the mark before the others; undefined where none of them names any. */
  readonly store: string | undefined

  constructor(markStore: string | undefined, candidates: readonly Glimpse[]) {
    for (const store of [markStore, ...candidates.map((each) => each.store)]) {
      if (store !== undefined) this.#votes.set(store, this.#of(store) + 1)
    }
    for (const store of this.#votes.keys()) {
      if (this.store === undefined || this.#of(store) > this.#of(this.store)) this.store = store
    }
  }

  /** Whether a log of that store is a stranger to the files beside it: one alone against it proves nothing. */
  outvote(logStore: string | undefined): boolean {
    return logStore !== undefined && this.#of(this.store) > this.#of(logStore) + 1
  }

  #of(store: string | undefined): number {
    return (store !== undefined && this.#votes.get(store)) || 0
  }
}
