import type { Change, Store } from '@flatlog/core'
import type { WatchCallback } from 'unstorage'

/**
 * Reports acknowledged changes of the log, whoever in this process made them, key by key. A cleared prefix and a
 * replaced state are one record without a list of the keys that they removed, so the keys are kept here, and only
 * while somebody watches.
 */
export class Watching {
  readonly #callbacks = new Set<WatchCallback>()
  #keys = new Set<string>()
  #stop: (() => void) | undefined

  /** Returns the function that ends it. */
  add(store: Store, callback: WatchCallback): () => void {
    // The same function may watch twice, and each has its own end.
    const own: WatchCallback = (event, key) => callback(event, key)
    this.#callbacks.add(own)
    if (this.#stop === undefined) {
      this.#keys = new Set(store.keys())
      this.#stop = store.watch((change) => this.#onChange(change))
    }
    return () => {
      this.#callbacks.delete(own)
      if (this.#callbacks.size === 0) this.end()
    }
  }

  end(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#callbacks.clear()
    this.#keys.clear()
  }

  #onChange(change: Change): void {
    if ('data' in change) {
      const kept = new Set(Object.keys(change.data))
      for (const key of [...this.#keys]) if (!kept.has(key)) this.#remove(key)
      for (const key of kept) this.#update(key)
    } else if ('prefix' in change) {
      for (const key of [...this.#keys]) if (key.startsWith(change.prefix)) this.#remove(key)
    } else if (change.op === 'SET') {
      this.#update(change.key)
    } else {
      this.#remove(change.key)
    }
  }

  #update(key: string): void {
    this.#keys.add(key)
    for (const callback of this.#callbacks) callback('update', key)
  }

  #remove(key: string): void {
    this.#keys.delete(key)
    for (const callback of this.#callbacks) callback('remove', key)
  }
}
