// Runs what concerns the same key in turn, and different keys side by side. Read, change and write of one record is
// three steps with other callers in between; only a queue keeps one caller's change from undoing another's.

export class KeyedQueue {
  readonly #last = new Map<string, Promise<void>>()

  /** Starts `task` when everything that was handed over for `key` before has ended, well or badly. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(task)
    const ended = result.then(
      () => undefined,
      () => undefined,
    )
    this.#last.set(key, ended)
    // A key whose queue ran empty is forgotten, or a bot that runs for years would remember every player it met.
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    })
    return result
  }

  /** Resolves when nothing is running or waiting any more. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values())
  }
}
