import type { Health, Stats, StoreBackend, Verification } from '../engine/backend.js'
import type { Change, Unsubscribe } from '../engine/events.js'
import type { Operation } from '../format/record.js'
import { fromBytes, fromText, fromValue, type ValueText } from '../format/value.js'
import { FlatlogError } from '../platform/errors.js'
import { markHandled } from '../platform/promises.js'
import {
  checkBytes,
  checkData,
  checkKey,
  checkOptions,
  checkPrefix,
  checkSteps,
  checkText,
  checkWriteOptions,
  expiryOf,
  type WriteOptions,
} from './arguments.js'
import { batchStep, checkMatch, replaceOperation, textForm } from './operations.js'
import { Readable } from './readable.js'
import type { BatchOperation, TextOptions } from './types.js'
import { type UpdateOptions, Updates } from './updates.js'

/**
 * A store. Reading is synchronous and sees every write of this process at once; writing resolves when the record is as
 * durable as the store's `durability` says. Keys are listed by UTF-16 code unit, as `<` compares strings.
 */
export class Store extends Readable {
  readonly #updates = new Updates(this)
  readonly #subscriptions = new Set<Unsubscribe>()
  #closing: Promise<void> | undefined

  // Writing

  set(key: string, value: unknown, options?: WriteOptions): Promise<void> {
    return this.#set(key, options, fromValue, value)
  }

  setText(key: string, text: string, options?: TextOptions): Promise<void> {
    const toText = options?.asText || options?.otherwise !== undefined ? textForm : fromCheckedText
    return this.#set(key, options, toText, text)
  }

  setBytes(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<void> {
    return this.#set(key, options, fromCheckedBytes, bytes)
  }

  /** True if the key was there; a key that is not there costs no record. */
  delete(key: string, options?: { ifMatch?: string; ifNoneMatch?: string }): Promise<boolean> {
    let wasThere = false
    const done = this.#write(() => {
      wasThere = this.has(key)
      if (options !== undefined) {
        checkOptions('delete', options, ['ifMatch', 'ifNoneMatch'])
        checkMatch(key, () => this.lookUp(key), options)
      }
      return wasThere ? { kind: 'delete', key } : undefined
    })
    return markHandled(done.then(() => wasThere))
  }

  /**
   * Atomic read-modify-write: writes what `change` makes of the present value, and keeps the key's expiry unless told
   * otherwise. Updates of one key run one after the other. An asynchronous `change` is called again if the key was
   * written by other means meanwhile. If it throws, nothing is written.
   */
  update<T = unknown>(
    key: string,
    change: (old: T | undefined) => T | Promise<T>,
    options?: UpdateOptions,
  ): Promise<T> {
    return markHandled(this.#updates.run(key, change, options))
  }

  /** All or nothing, as one record. */
  batch(operations: readonly BatchOperation[]): Promise<void> {
    return this.#write(() => {
      checkSteps(operations)
      const steps = operations.map((each) => batchStep(each, this.backend.now))
      return steps.length ? { kind: 'batch', operations: steps } : undefined
    })
  }

  /** Removes all keys, or those that start with `prefix`, as one record. */
  clear(options: { prefix?: string } = {}): Promise<void> {
    return this.#write(() => {
      checkOptions('clear', options, ['prefix'])
      const { prefix = '' } = options
      checkPrefix(prefix)
      return this.backend.pageOfKeys({ prefix, after: undefined }, 1).length ? { kind: 'clear', prefix } : undefined
    })
  }

  /** Puts this state in the place of the whole present one, as one record. */
  replace(data: Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>): Promise<void> {
    return this.#write(() => {
      checkData(data)
      return replaceOperation(data instanceof Map ? data : Object.entries(data))
    })
  }

  /** The way of most writes: nothing is made on it that is not kept. */
  #set(
    key: string,
    options: WriteOptions | undefined,
    toText: (key: string, value: unknown, options?: TextOptions) => ValueText,
    value: unknown,
  ): Promise<void> {
    try {
      const backend = this.backend
      backend.checkWritable()
      checkKey(key)
      if (options !== undefined) {
        checkWriteOptions('set', options)
        checkMatch(key, () => this.lookUp(key), options)
      }
      const text = toText(key, value, options)
      return backend.write({ kind: 'set', key, value: text, expires: expiryOf(options, backend.now) }, key)
    } catch (error) {
      return markHandled(Promise.reject(error))
    }
  }

  /** Whatever is wrong with the arguments rejects, as what goes wrong later does: there is one place to catch it. */
  #write(operation: () => Operation | undefined): Promise<void> {
    try {
      const backend = this.backend
      backend.checkWritable()
      const made = operation()
      // What is found missing may be so by a record that is still under way: then this is no more certain than that.
      return made ? backend.write(made, 'key' in made ? made.key : '') : markHandled(backend.settled())
    } catch (error) {
      return markHandled(Promise.reject(error))
    }
  }

  // Following

  /** Calls back for each acknowledged change, in the order of the log. */
  watch(listener: (change: Change) => void): Unsubscribe {
    return this.#subscribe(this.backend.watch(listener))
  }

  /** Acknowledged changes behind `since` (a change's `position`; default: from now on), until `signal` or `close`. */
  changes(options: { since?: string; signal?: AbortSignal } = {}): AsyncGenerator<Change, void, undefined> {
    checkOptions('changes', options, ['since', 'signal'])
    return this.backend.changes(options.since, options.signal, () => this.isClosed)
  }

  /** Background failures, each once. Returns a function that ends the subscription. */
  on(event: 'problem', listener: (error: FlatlogError) => void): Unsubscribe {
    if (event !== 'problem') throw new FlatlogError('FLATLOG_INVALID_OPTION', `There is no event ${String(event)}.`)
    return this.#subscribe(this.backend.onProblem(listener))
  }

  /** What this handle listens to ends with it, also where others go on with the same store. */
  #subscribe(unsubscribe: Unsubscribe): Unsubscribe {
    this.#subscriptions.add(unsubscribe)
    return () => {
      this.#subscriptions.delete(unsubscribe)
      unsubscribe()
    }
  }

  // Keeping

  /** Resolves when everything written so far is on disk, whatever the durability. */
  flush(): Promise<void> {
    return this.#do((backend) => backend.flush())
  }

  /** Rewrites the log as a checkpoint of the present state. The former log stays as a backup. */
  compact(): Promise<void> {
    return this.#do((backend) => backend.compact())
  }

  /** Reads the log and its backups whole and says whether every byte is what was written. */
  verify(): Promise<Verification> {
    return this.#do((backend) => backend.verify())
  }

  stats(): Stats {
    return this.backend.stats()
  }

  health(): Health {
    return this.backend.health()
  }

  /** After FLATLOG_FAILED: reads the log again, copies what is whole to a new file and goes on. */
  reopen(): Promise<void> {
    return this.#do((backend) => backend.reopen())
  }

  /** Makes everything durable and lets go of the store. Idempotent. */
  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = markHandled(this.leave().release())
      // Records that are acknowledged while closing are still heard of.
      const end = () => {
        for (const unsubscribe of this.#subscriptions) unsubscribe()
      }
      this.#closing.then(end, end)
    }
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #do<T>(action: (backend: StoreBackend) => Promise<T>): Promise<T> {
    try {
      return markHandled(action(this.backend))
    } catch (error) {
      return markHandled(Promise.reject(error))
    }
  }
}

function fromCheckedText(key: string, text: unknown): ValueText {
  checkText(text)
  return fromText(key, text)
}

function fromCheckedBytes(key: string, bytes: unknown): ValueText {
  checkBytes(bytes)
  return fromBytes(key, bytes)
}
