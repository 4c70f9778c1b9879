import type { Operation } from '../format/record.js'
import type { Recovery } from '../log/damage-report.js'
import type { FlatlogError } from '../platform/errors.js'
import type { KeyRangeQuery, StateValue } from '../state/types.js'
import type { Change, Unsubscribe } from './events.js'

/** What a store handle stands on: an engine that it shares with others, or a state that is only read. */
export interface StoreBackend {
  readonly name: string
  readonly recovery: Recovery
  now(): number
  lookUp(key: string): StateValue | undefined
  has(key: string): boolean
  page(query: KeyRangeQuery, limit: number): [key: string, value: StateValue][]
  pageOfKeys(query: KeyRangeQuery, limit: number): string[]
  /** Throws where nothing can be written, before anything is made of the arguments. */
  checkWritable(): void
  write(operation: Operation, key: string): Promise<void>
  /** Resolves when everything written before is acknowledged: what a write that changes nothing waits for. */
  settled(): Promise<void>
  watch(listener: (change: Change) => void): Unsubscribe
  changes(
    since: string | undefined,
    signal: AbortSignal | undefined,
    isClosed: () => boolean,
  ): AsyncGenerator<Change, void, undefined>
  onProblem(listener: (error: FlatlogError) => void): Unsubscribe
  flush(): Promise<void>
  compact(): Promise<void>
  verify(): Promise<Verification>
  stats(): Stats
  health(): Health
  reopen(): Promise<void>
  release(): Promise<void>
}

export interface Verification {
  ok: boolean
  damage: Recovery['damage']
  records: number
  parts: number
  bytes: number
}

/** Figures since the store was opened, unless they say otherwise. */
export interface Stats {
  [figure: string]: unknown
}

export interface Health {
  /** False after a failure, until `reopen`. */
  ok: boolean
  failure?: FlatlogError
  /** The last background failures, the oldest first. */
  problems: { at: string; error: FlatlogError }[]
}
