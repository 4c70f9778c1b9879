import type { LogRecord, Operation } from '../format/record.js'
import { toValue } from '../format/value.js'
import type { FlatlogError } from '../platform/errors.js'

/** A change that is acknowledged: what its record says, in the record's words. */
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

/** A record's changes; those of a batch one by one, with one position. Values are fresh at each call. */
export function changesOf(timestamp: string, seq: number, crc: string, operation: Operation): Change[] {
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
      // Defined and not assigned, so that a key like __proto__ is a key like any other.
      return {
        op: 'SET',
        data: Object.fromEntries(operation.data.map(([key, value]) => [key, toValue(value, key)])),
      }
  }
}

/** What is told of a record. */
export type ToldRecord = Pick<LogRecord, 'timestamp' | 'seq' | 'crc' | 'operation'>

export type Unsubscribe = () => void

/** Who wants to hear of changes and of background failures. */
export class Events {
  readonly #watchers = new Set<(change: Change) => void>()
  readonly #problemListeners = new Set<(error: FlatlogError) => void>()
  readonly #waiting = new Set<() => void>()
  readonly problems: { at: string; error: FlatlogError }[] = []

  watch(listener: (change: Change) => void): Unsubscribe {
    // Each call is a subscription of its own, also with a listener that is there already.
    const own = (change: Change) => listener(change)
    this.#watchers.add(own)
    return () => void this.#watchers.delete(own)
  }

  onProblem(listener: (error: FlatlogError) => void): Unsubscribe {
    const own = (error: FlatlogError) => listener(error)
    this.#problemListeners.add(own)
    return () => void this.#problemListeners.delete(own)
  }

  /** Resolves at the next acknowledged record, or at the end of the store. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  wakeWaiting(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  acknowledged(records: readonly ToldRecord[]): void {
    this.wakeWaiting()
    this.tell(records)
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  tell(records: readonly ToldRecord[]): void {
    if (!this.isWatched) return
    for (const { timestamp, seq, crc, operation } of records) {
      for (const watcher of this.#watchers) {
        for (const change of changesOf(timestamp, seq, crc, operation)) this.#call(() => watcher(change))
      }
    }
  }

  /** A failure that no call of the user's can report. */
  problem(error: FlatlogError, at: string): void {
    this.problems.push({ at, error })
    if (this.problems.length > 20) this.problems.shift()
    for (const listener of this.#problemListeners) this.#call(() => listener(error))
  }

  /** A listener that throws stops neither the others nor the store; the error is the listener's and shown as that. */
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
