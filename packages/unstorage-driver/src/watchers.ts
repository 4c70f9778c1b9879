import type { Store } from '@flatlog/core'
import type { WatchCallback, WatchEvent } from 'unstorage'
import { WatchedKeys } from './watched-keys.js'

/**
 * Reports every acknowledged change of the log to the watchers, key by key.
 *
 * It keeps a list of the keys in memory, from the first watcher to the last.
 */
export class Watchers {
  readonly #callbacks = new Set<WatchCallback>()
  #keys: WatchedKeys | undefined
  #ready: Promise<void> = Promise.resolve()

  /** Adds a watcher, and resolves when it will see every later change. Returns the function that removes it. */
  async add(store: Store, callback: WatchCallback): Promise<() => void> {
    // A wrapper, because the same function may be added twice and is then removed separately.
    const own: WatchCallback = (event, key) => callback(event, key)
    this.#callbacks.add(own)
    if (this.#keys === undefined) {
      this.#keys = new WatchedKeys(store, (event, key) => this.#emit(event, key))
      this.#ready = this.#keys.load()
    }
    const remove = () => {
      this.#callbacks.delete(own)
      if (this.#callbacks.size === 0) this.removeAll()
    }
    try {
      await this.#ready
    } catch (error) {
      remove()
      // The driver was disposed of meanwhile, so there is no later change.
      if ((error as { code?: unknown }).code !== 'FLATLOG_CLOSED') throw error
    }
    return remove
  }

  removeAll(): void {
    this.#keys?.stop()
    this.#keys = undefined
    this.#callbacks.clear()
  }

  #emit(event: WatchEvent, key: string): void {
    for (const callback of this.#callbacks) {
      try {
        callback(event, key)
      } catch (error) {
        // Rethrow outside of the loop, so that it stops neither the other watchers nor the log.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
