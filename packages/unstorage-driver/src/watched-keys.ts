import { setImmediate } from 'node:timers/promises'
import type { Change, Store } from '@flatlog/core'
import type { WatchEvent } from 'unstorage'
import { ExpiryQueue } from './expiry-queue.js'

/** The longest time for which listing the keys may block the event loop. */
const SLICE_MS = 4
/** The longest delay of a Node.js timer. Later expiry times are scheduled again when it has passed. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** How long to wait before checking a due item again that still exists, for example because the clock was set back. */
const RECHECK_MS = 1000
/** The queue is rebuilt when it has more than two entries per key and this many in addition. */
const MAX_EXTRA_ENTRIES = 1024

const UNKNOWN = Number.NaN
const NEVER = Number.POSITIVE_INFINITY

/**
 * The keys of a log and their expiry times, kept in memory while there are watchers.
 *
 * They are needed because a clear or a replaced state is one record that does not name the removed keys, and because an
 * expiry has no record at all.
 */
export class WatchedKeys {
  readonly #expiries = new Map<string, number>()
  readonly #queue = new ExpiryQueue()
  readonly #stopWatching: () => void
  #timer: NodeJS.Timeout | undefined
  #timerMs = NEVER
  #isStopped = false

  constructor(
    private readonly store: Store,
    private readonly emit: (event: WatchEvent, key: string) => void,
  ) {
    this.#stopWatching = store.watch((change) => this.#onChange(change))
  }

  /** Lists the keys. Their expiry times follow in the background, because each key has to be looked up. */
  async load(): Promise<void> {
    const slice = new TimeSlice()
    for (const key of this.store.keys()) {
      if (this.#isStopped) return
      if (!this.#expiries.has(key)) this.#expiries.set(key, UNKNOWN)
      if (slice.isOver()) await slice.next(true)
    }
    void this.#lookUpExpiries()
  }

  stop(): void {
    this.#isStopped = true
    this.#stopWatching()
    clearTimeout(this.#timer)
    this.#expiries.clear()
    this.#queue.clear()
  }

  async #lookUpExpiries(): Promise<void> {
    const slice = new TimeSlice()
    for (const [key, known] of this.#expiries) {
      if (!Number.isNaN(known)) continue
      const found = this.#lookUp(key)
      if (found === undefined) this.#remove(key)
      else this.#setExpiry(key, found)
      if (slice.isOver()) await slice.next(false)
      if (this.#isStopped) return
    }
  }

  #lookUp(key: string): number | undefined {
    try {
      const meta = this.store.getMeta(key)
      return meta && (meta.expires ?? NEVER)
    } catch {
      // The value is damaged. Reading it reports that.
      return NEVER
    }
  }

  #onChange(change: Change): void {
    if ('data' in change) {
      const kept = new Set(Object.keys(change.data))
      for (const key of this.#expiries.keys()) if (!kept.has(key)) this.#remove(key)
      for (const key of kept) this.#update(key, undefined)
    } else if ('prefix' in change) {
      for (const key of this.#expiries.keys()) if (key.startsWith(change.prefix)) this.#remove(key)
    } else if (change.op === 'SET') {
      this.#update(change.key, change.expires)
    } else {
      this.#remove(change.key)
    }
  }

  #update(key: string, expires: number | undefined): void {
    this.#setExpiry(key, expires ?? NEVER)
    this.emit('update', key)
  }

  #remove(key: string): void {
    if (this.#expiries.delete(key)) this.emit('remove', key)
  }

  #setExpiry(key: string, atMs: number): void {
    this.#expiries.set(key, atMs)
    if (atMs === NEVER) return
    if (this.#queue.size > 2 * this.#expiries.size + MAX_EXTRA_ENTRIES) this.#rebuildQueue()
    else this.#queue.add(key, atMs)
    this.#schedule()
  }

  /** Removes outdated entries: each time an item is overwritten, its previous entry stays in the queue. */
  #rebuildQueue(): void {
    this.#queue.clear()
    for (const [key, atMs] of this.#expiries) if (Number.isFinite(atMs)) this.#queue.add(key, atMs)
  }

  #schedule(minWaitMs = 0): void {
    const nextMs = this.#queue.nextMs ?? NEVER
    if (this.#isStopped || nextMs >= this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = nextMs
    const waitMs = Math.min(Math.max(nextMs - Date.now(), minWaitMs), MAX_TIMER_MS)
    this.#timer = setTimeout(() => this.#expireDue(), waitMs)
    // An item that will expire must not keep the process alive.
    this.#timer.unref()
  }

  #expireDue(): void {
    this.#timerMs = NEVER
    const nowMs = Date.now()
    const stillThere: string[] = []
    for (let due = this.#queue.takeDue(nowMs); due; due = this.#queue.takeDue(nowMs)) {
      // Overwritten or removed since then.
      if (this.#expiries.get(due.key) !== due.atMs) continue
      if (this.#lookUp(due.key) === undefined) this.#remove(due.key)
      else stillThere.push(due.key)
    }
    for (const key of stillThere) this.#queue.add(key, this.#expiries.get(key) as number)
    this.#schedule(stillThere.length > 0 ? RECHECK_MS : 0)
  }
}

/** Measures how long the event loop has been blocked. */
class TimeSlice {
  #endMs = performance.now() + SLICE_MS

  isOver(): boolean {
    return performance.now() >= this.#endMs
  }

  /** Lets the event loop run. `ref`: whether this keeps the process alive. */
  async next(ref: boolean): Promise<void> {
    await setImmediate(undefined, { ref })
    this.#endMs = performance.now() + SLICE_MS
  }
}
