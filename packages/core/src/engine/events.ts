import type { LogRecord, Operation } from '../format/record.js'
import { toValue } from '../format/value.js'
import type { FlatlogError } from '../platform/errors.js'

/** An acknowledged change, with the fields of its record. */
export type Change = ChangeOperation & {
  /** The number of the record. */
  seq: number
  /** `seq:crc` of the record: what `changes({ since })` takes. */
  position: string
  /** ISO 8601. */
  timestamp: string
}

export type ChangeOperation =
  | { op: 'SET'; key: string; value: unknown; expires?: number }
  | { op: 'DELETE'; key: string }
  /** All keys that start with the prefix; all keys if it is empty. */
  | { op: 'DELETE'; prefix: string }
  /** The whole state was replaced. */
  | { op: 'SET'; data: Record<string, unknown> }

/** A record's changes: those of a batch one by one, all with one position. Each call makes new values. */
export function changesOf({ timestamp, seq, crc, operation }: ChangedRecord): Change[] {
  const at = { seq, position: `${seq}:${crc}`, timestamp }
  const operations = operation.kind === 'batch' ? operation.operations : [operation]
  return operations.map((each) => ({ ...changeOf(each), ...at }))
}

function changeOf(operation: Exclude<Operation, { kind: 'batch' }>): ChangeOperation {
  switch (operation.kind) {
    case 'set': {
      const { key, value, expires } = operation
      return { op: 'SET', key, value: toValue(value, key), ...(expires !== undefined && { expires }) }
    }
    case 'delete':
      return { op: 'DELETE', key: operation.key }
    case 'clear':
      return { op: 'DELETE', prefix: operation.prefix }
    case 'replace':
      // fromEntries defines properties, so a key like __proto__ is a key like any other.
      return {
        op: 'SET',
        data: Object.fromEntries(operation.data.map(([key, value]) => [key, toValue(value, key)])),
      }
  }
}

/** The fields of a record that its changes are made of. */
export type ChangedRecord = Pick<LogRecord, 'timestamp' | 'seq' | 'crc' | 'operation'>

export type Unsubscribe = () => void

const MAX_PROBLEMS = 20

/** The listeners of a store: to its changes, to background failures, and those that wait for the next change. */
export class Events {
  readonly #watchers = new Set<(change: Change) => void>()
  readonly #problemListeners = new Set<(error: FlatlogError) => void>()
  readonly #waiting = new Set<() => void>()
  /** The last background failures, the oldest first. */
  readonly problems: { at: string; error: FlatlogError }[] = []

  watch(listener: (change: Change) => void): Unsubscribe {
    // Each call is a subscription of its own, even with the same listener.
    const own = (change: Change) => listener(change)
    this.#watchers.add(own)
    return () => void this.#watchers.delete(own)
  }

  onProblem(listener: (error: FlatlogError) => void): Unsubscribe {
    const own = (error: FlatlogError) => listener(error)
    this.#problemListeners.add(own)
    return () => void this.#problemListeners.delete(own)
  }

  /** Resolves at the next record that counts, or at the next call of `wakeWaiting`. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  wakeWaiting(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  notify(records: readonly ChangedRecord[]): void {
    if (!this.isWatched) return
    for (const record of records) {
      // Those that are added by a listener hear of the next record, those that are removed of nothing more.
      for (const watcher of [...this.#watchers]) {
        for (const change of changesOf(record)) if (this.#watchers.has(watcher)) this.#call(() => watcher(change))
      }
    }
  }

  /** Reports a failure that no pending call of the user can report. */
  problem(error: FlatlogError, at: string): void {
    this.problems.push({ at, error })
    if (this.problems.length > MAX_PROBLEMS) this.problems.shift()
    for (const listener of this.#problemListeners) this.#call(() => listener(error))
  }

  /** A listener that throws stops neither the others nor the store: its error becomes an uncaught exception. */
  #call(action: () => void): void {
    try {
      action()
    } catch (cause) {
      queueMicrotask(() => {
        throw cause
      })
    }
  }
}
