import type { Store } from '@flatlog/core'
import type { WatchCallback, WatchEvent } from 'unstorage'
import { WatchedKeys } from './watched-keys.js'

/**
 * Reports acknowledged changes of the log, whoever made them, key by key. With the first watcher it begins to keep the
 * list of keys, and with the last one it lets go of it.
 */
export class Watching {
  readonly #callbacks = new Set<WatchCallback>()
  #keys: WatchedKeys | undefined
  #ready: Promise<void> = Promise.resolve()

  /** Returns the function that ends it, once every later change will be reported. */
  async add(store: Store, callback: WatchCallback): Promise<() => void> {
    // The same function may watch twice, and each has its own end.
    const own: WatchCallback = (event, key) => callback(event, key)
    this.#callbacks.add(own)
    if (this.#keys === undefined) {
      this.#keys = new WatchedKeys(store, (event, key) => this.#emit(event, key))
      this.#ready = this.#keys.load()
    }
    const stop = () => {
      this.#callbacks.delete(own)
      if (this.#callbacks.size === 0) this.end()
    }
    try {
      await this.#ready
    } catch (error) {
      stop()
      throw error
    }
    return stop
  }

  end(): void {
    this.#keys?.end()
    this.#keys = undefined
    this.#callbacks.clear()
  }

  #emit(event: WatchEvent, key: string): void {
    for (const callback of this.#callbacks) {
      try {
        callback(event, key)
      } catch (error) {
        // It is the watcher's own, and stops neither the other watchers nor the log.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
