import { setImmediate } from 'node:timers/promises'
import type { Change, Store } from '@flatlog/core'
import type { WatchEvent } from 'unstorage'
import { ExpiryQueue } from './expiry-queue.js'

/** The event loop is not held for longer than this at a time. */
const SLICE_MS = 4
/** Later times are looked at again when this one has come: more overflows a timer of Node.js. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** An item whose time has come and that is still there, as after a step back of the clock, is looked at again after this. */
const RECHECK_MS = 1000
/** The queue may hold this many entries for values that were overwritten, and as many again as there are keys. */
const STALE_ENTRIES = 1024

const UNKNOWN = Number.NaN
const NEVER = Number.POSITIVE_INFINITY

/**
 * The keys of a log and when they expire, kept while somebody watches: a clear and a replaced state are one record that
 * does not name the keys that it removed, and for an expiry there is no record at all.
 */
export class WatchedKeys {
  readonly #expiries = new Map<string, number>()
  readonly #queue = new ExpiryQueue()
  readonly #stop: () => void
  #timer: NodeJS.Timeout | undefined
  #timerMs = NEVER
  #isOver = false

  constructor(
    private readonly store: Store,
    private readonly emit: (event: WatchEvent, key: string) => void,
  ) {
    this.#stop = store.watch((change) => this.#onChange(change))
  }

  /** Lists what is there. When the items expire is found out behind it, since that means to look at each of them. */
  async load(): Promise<void> {
    const slice = new Slice()
    for (const key of this.store.keys()) {
      if (this.#isOver) return
      if (!this.#expiries.has(key)) this.#expiries.set(key, UNKNOWN)
      if (slice.isOver()) await slice.next(true)
    }
    void this.#lookUpExpiries()
  }

  end(): void {
    this.#isOver = true
    this.#stop()
    clearTimeout(this.#timer)
    this.#expiries.clear()
    this.#queue.clear()
  }

  async #lookUpExpiries(): Promise<void> {
    const slice = new Slice()
    for (const [key, known] of this.#expiries) {
      if (!Number.isNaN(known)) continue
      const found = this.#lookUp(key)
      if (found === undefined) this.#remove(key)
      else this.#setExpiry(key, found)
      if (slice.isOver()) await slice.next(false)
      if (this.#isOver) return
    }
  }

  #lookUp(key: string): number | undefined {
    try {
      const meta = this.store.getMeta(key)
      return meta && (meta.expires ?? NEVER)
    } catch {
      // It is damaged: whoever reads it is told.
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
    if (this.#queue.size > 2 * this.#expiries.size + STALE_ENTRIES) this.#rebuildQueue()
    else this.#queue.add(key, atMs)
    this.#schedule()
  }

  /** An item that is written again and again leaves an entry behind each time. */
  #rebuildQueue(): void {
    this.#queue.clear()
    for (const [key, atMs] of this.#expiries) if (Number.isFinite(atMs)) this.#queue.add(key, atMs)
  }

  #schedule(leastMs = 0): void {
    const nextMs = this.#queue.nextMs ?? NEVER
    if (this.#isOver || nextMs >= this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = nextMs
    const waitMs = Math.min(Math.max(nextMs - Date.now(), leastMs), MAX_TIMER_MS)
    this.#timer = setTimeout(() => this.#expireDue(), waitMs)
    // Nobody's process is kept alive by an item that will expire.
    this.#timer.unref()
  }

  #expireDue(): void {
    this.#timerMs = NEVER
    const nowMs = Date.now()
    const still: string[] = []
    for (let due = this.#queue.takeDue(nowMs); due; due = this.#queue.takeDue(nowMs)) {
      // Written again meanwhile, or gone already.
      if (this.#expiries.get(due.key) !== due.atMs) continue
      if (this.#lookUp(due.key) === undefined) this.#remove(due.key)
      else still.push(due.key)
    }
    for (const key of still) this.#queue.add(key, this.#expiries.get(key) as number)
    this.#schedule(still.length > 0 ? RECHECK_MS : 0)
  }
}

class Slice {
  #endMs = performance.now() + SLICE_MS

  isOver(): boolean {
    return performance.now() >= this.#endMs
  }

  async next(ref: boolean): Promise<void> {
    await setImmediate(undefined, { ref })
    this.#endMs = performance.now() + SLICE_MS
  }
}
