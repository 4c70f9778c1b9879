import { checkKey, checkOptions, type WriteOptions } from './arguments.js'
import type { Meta } from './types.js'

export interface UpdateOptions {
  /** Unix time in ms at which the key expires. @default unchanged */
  expires?: number
  /** Time until the key expires, in ms from now. */
  ttlMs?: number
}

/** The part of a store that updates use. */
interface ReadAndWrite {
  get<T>(key: string): T | undefined
  getMeta(key: string): Meta | undefined
  set(key: string, value: unknown, options?: WriteOptions): Promise<void>
}

/** Runs read-modify-write updates, one at a time for each key. */
export class Updates {
  /** The latest update of each key that has one running. */
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(private readonly store: ReadAndWrite) {}

  async run<T>(key: string, change: Change<T>, options: UpdateOptions | undefined): Promise<T> {
    checkKey(key)
    if (options !== undefined) checkOptions('update', options, ['expires', 'ttlMs'])
    const next = () => this.#once(key, change, options)
    // The next update does not wait for the disk: it reads the new value at once, and a failed write undoes both.
    const mine = this.#last.get(key)?.then(next, next) ?? next()
    this.#last.set(key, mine)
    try {
      const { value, done } = await mine
      await done
      return value
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key)
    }
  }

  async #once<T>(
    key: string,
    change: Change<T>,
    options: UpdateOptions | undefined,
  ): Promise<{ value: T; done: Promise<void> }> {
    for (;;) {
      const before = this.store.getMeta(key)
      const old = before && this.store.get<T>(key)
      // It expired between the two lookups. The new value must not expire with it.
      if (before && old === undefined) continue
      const result = change(old)
      const value = isPromise(result) ? await result : result
      if (isPromise(result)) {
        const now = this.store.getMeta(key)
        // The key was written while `change` ran, so its result is outdated: run it again.
        if (now?.etag !== before?.etag || now?.expires !== before?.expires) continue
      }
      const isTimed = options?.expires !== undefined || options?.ttlMs !== undefined
      const kept = before?.expires === undefined ? undefined : { expires: before.expires }
      const done = this.store.set(key, value, isTimed ? options : kept)
      return { value, done }
    }
  }
}

type Change<T> = (old: T | undefined) => T | Promise<T>

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null)?.then === 'function'
}
