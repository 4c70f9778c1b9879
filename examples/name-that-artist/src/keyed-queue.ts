/**
 * Runs tasks with the same key one after the other, and tasks with different keys concurrently.
 *
 * Reading, changing and writing a record are three steps. Without a queue, two callers could read the same record and
 * one would overwrite the other's change.
 */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<void>>()

  /** Runs `task` after all earlier tasks for `key` have settled. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(task)
    const ended = result.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(key, ended)
    // Remove the key when its queue is empty, so that the map does not grow with every key ever used.
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    })
    return result
  }

  /** Resolves when no task is running or waiting. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values())
  }
}
