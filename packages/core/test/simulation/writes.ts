import type { Store } from '../support/core.js'
import { type Change, lineOf, type Witness } from './witness.js'

/** The writes of the model test: each goes to the store and to the witness. */
export type WriteAction =
  | { readonly do: 'set'; readonly key: string; readonly fill: number; readonly ttlMs?: number | undefined }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'batch'; readonly set: readonly string[]; readonly remove: readonly string[]; readonly fill: number }
  | { readonly do: 'clear'; readonly prefix: string }
  | { readonly do: 'replace'; readonly keys: readonly string[] }
  | { readonly do: 'update'; readonly key: string }

export class Writer {
  #number = 0

  constructor(
    private readonly witness: Witness,
    private readonly store: () => Store,
    private readonly nowMs: () => number,
    private readonly isAlive: () => boolean,
  ) {}

  /** Starts the write and does not wait for it. */
  write(action: WriteAction): void {
    if (action.do === 'update') this.#update(action.key)
    else {
      const { change, ask } = this.#plan(action)
      const write = this.witness.prepare(describe(action))
      this.witness.begin(write, change, !this.store().health().ok)
      this.witness.expectAnswer(write, ask(this.store()), this.isAlive)
    }
  }

  #value(fill: number): { n: number; fill: string } {
    return { n: ++this.#number, fill: 'x'.repeat(fill) }
  }

  #plan(action: Exclude<WriteAction, { do: 'update' }>): { change: Change; ask: (store: Store) => Promise<unknown> } {
    switch (action.do) {
      case 'set': {
        const { key, ttlMs } = action
        const value = this.#value(action.fill)
        const expires = ttlMs === undefined ? undefined : this.nowMs() + ttlMs
        if (expires !== undefined) this.witness.timed.add(lineOf(key, value))
        return {
          change: (state) => state.set(key, { value, expires }),
          ask: (store) => store.set(key, value, expires === undefined ? undefined : { expires }),
        }
      }
      case 'delete':
        return { change: (state) => state.delete(action.key), ask: (store) => store.delete(action.key) }
      case 'batch': {
        const set = action.set.map((key) => ({ op: 'SET' as const, key, value: this.#value(action.fill) }))
        const remove = action.remove.map((key) => ({ op: 'DELETE' as const, key }))
        return {
          change(state) {
            for (const { key, value } of set) state.set(key, { value })
            for (const { key } of remove) state.delete(key)
          },
          ask: (store) => store.batch([...set, ...remove]),
        }
      }
      case 'clear':
        return {
          change(state) {
            for (const key of [...state.keys()]) if (key.startsWith(action.prefix)) state.delete(key)
          },
          ask: (store) => store.clear({ prefix: action.prefix }),
        }
      case 'replace': {
        const data = new Map(action.keys.map((key) => [key, this.#value(0)]))
        return {
          change(state) {
            state.clear()
            for (const [key, value] of data) state.set(key, { value })
          },
          ask: (store) => store.replace(data),
        }
      }
    }
  }

  /**
   * Starts an update.
   * The write begins when the store asks for the new value, which an earlier update of the key can delay.
   */
  #update(key: string): void {
    const store = this.store()
    const value = this.#value(0)
    const write = this.witness.prepare(`update ${key}`)
    const done = store.update(key, (old) => {
      const { expires } = store.getMeta(key) ?? {}
      const next = { ...value, before: (old as { n?: number } | undefined)?.n ?? 0 }
      if (expires !== undefined) this.witness.timed.add(lineOf(key, next))
      this.witness.begin(write, (state) => state.set(key, { value: next, expires }), !store.health().ok)
      return next
    })
    this.witness.expectAnswer(write, done, this.isAlive)
  }
}

export function describe(action: WriteAction): string {
  const { do: what, ...rest } = action
  return `${what} ${JSON.stringify(rest)}`
}
