import type { Operation } from '../record/record.js'
import type { ValueText } from '../record/value.js'

/** What the index knows of a key. */
export interface IndexedValue extends ValueText {
  /** Unix time in ms at which the key is gone. */
  readonly expires: number | undefined
  /** The record that wrote it: its place in the log. */
  readonly seq: number
  /** Unix ms when it was written. */
  readonly time: number | undefined
}

/** Takes one operation's effect back. Operations are undone in the reverse of their order. */
export type Undo = () => void

/** Where a listing begins and what it holds. */
export interface KeyRangeQuery {
  /** Only keys that start with it. */
  readonly prefix: string
  /** Only keys behind this one. */
  readonly after: string | undefined
}

/**
 * From key to value, in key order (UTF-16 code units, as `<` compares). What lies above it does not know how it is
 * held: all in memory, or as places in the checkpoint's parts.
 *
 * It is layered: a tail of what the records behind the checkpoint say, perhaps a frozen tail that a compaction works
 * on, and the checkpoint. An upper layer hides what it names or has cleared in those below.
 */
export interface KeyIndex {
  /** Undefined where the key is missing, deleted or expired. */
  get(key: string, nowMs: number): IndexedValue | undefined
  /** Up to `limit` keys in key order that are there now. */
  page(query: KeyRangeQuery, limit: number, nowMs: number): [key: string, value: IndexedValue][]
  apply(operation: Operation, seq: number, timeMs: number | undefined): Undo
  /** Keys named since the last checkpoint. */
  readonly tailKeys: number
  /** About which share of the checkpoint's keys is known to be dead, cleared by prefix or expired: 0 to 1. */
  deadShare(nowMs: number): number
  /** Whether there is a key whose time is over and which a compaction would remove. Walks over all of them. */
  holdsExpired(nowMs: number): boolean
  /** From here on changes go to a new tail; what was there is what a compaction works on. */
  freeze(): FrozenIndex
}

export interface FrozenIndex {
  /** As `KeyIndex.page`, without what came after the freezing. */
  page(query: KeyRangeQuery, limit: number, nowMs: number): [key: string, value: IndexedValue][]
  /** What was frozen, but for what had expired then, is in a checkpoint now: it becomes the lowest layer. */
  settle(nowMs: number): void
  /** The checkpoint came to nothing: all is as if there had been no freezing. */
  thaw(): void
}
