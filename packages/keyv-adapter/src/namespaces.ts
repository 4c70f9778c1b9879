import { FlatlogError } from '@flatlog/core'
import type { Protocol } from './protocol.js'

export interface NamespaceOptions {
  readonly namespace?: string | undefined
  readonly bareNamespace?: string | undefined
  readonly allowColonIn?: readonly string[] | undefined
}

function invalid(message: string): FlatlogError {
  return new FlatlogError('FLATLOG_INVALID_OPTION', message)
}

/**
 * Translates between the keys that Keyv passes and the keys in the log, which stand there as `namespace:key` whichever
 * Keyv writes them: Keyv 5 hands over prefixed keys, Keyv 6 bare ones.
 *
 * Without a namespace a store is a view of the whole file: keys stand as they are given, and `a:b` is what namespace
 * `a` calls `b`.
 */
export class Namespaces {
  readonly #bare: string | undefined
  readonly #allowed: ReadonlySet<string>
  /** All that this store was ever given, since several Keyv 5 may share one store object. */
  readonly #known = new Set<string>()
  #current: string | undefined

  constructor(options: NamespaceOptions) {
    const allowed = options.allowColonIn ?? []
    if (!Array.isArray(allowed)) throw invalid('allowColonIn is not a list. What to do: list the namespaces by name.')
    this.#allowed = new Set(allowed)
    this.#bare = options.bareNamespace
    if (this.#bare === '') throw invalid('bareNamespace is empty. What to do: name the namespace, or leave it out.')
    if (this.#bare !== undefined) this.#check(this.#bare)
    this.current = options.namespace ?? this.#bare
  }

  get current(): string | undefined {
    return this.#current
  }

  set current(namespace: string | undefined) {
    if (namespace) {
      this.#check(namespace)
      this.#known.add(namespace)
    }
    this.#current = namespace
  }

  /** What the keys of the namespace begin with in the log; the empty prefix is the whole file. */
  prefix(namespace = this.#current): string {
    return !namespace || namespace === this.#bare ? '' : `${namespace}:`
  }

  toStored(key: string, protocol: Protocol): string {
    if (protocol === 6) return this.prefix() + key
    const namespace = this.#current
    if (!namespace) return key
    if (namespace === this.#bare) return key.startsWith(`${namespace}:`) ? key.slice(namespace.length + 1) : key
    // A key without a prefix comes from a Keyv 5 with `useKeyPrefix: false`, which leaves the prefix to its store.
    return this.#hasKnownPrefix(key) ? key : `${namespace}:${key}`
  }

  /** A key that stands as `namespace:key` in another store. */
  imported(key: string): string {
    if (this.#bare === undefined) return key
    if (key.startsWith(`${this.#bare}:`)) return key.slice(this.#bare.length + 1)
    throw invalid(
      `The key ${JSON.stringify(key.slice(0, 100))} is not in the namespace ${JSON.stringify(this.#bare)}, which is all ` +
        'that this store holds. What to do: import into a store without bareNamespace, or give two Keyv, which copy one ' +
        'namespace.',
    )
  }

  /** How another store spells a key of the log: `namespace:key`. */
  exported(storedKey: string): string {
    return this.#bare === undefined ? storedKey : `${this.#bare}:${storedKey}`
  }

  /** The key that an iterator hands to Keyv. */
  toCaller(storedKey: string, protocol: Protocol, namespace = this.#current): string {
    if (protocol === 6) return storedKey.slice(this.prefix(namespace).length)
    // Keyv 5 cuts off everything up to the first colon, also where it has no namespace.
    if (!namespace) return `:${storedKey}`
    return namespace === this.#bare ? `${namespace}:${storedKey}` : storedKey
  }

  #hasKnownPrefix(key: string): boolean {
    const colon = key.indexOf(':')
    if (colon === -1) return false
    if (this.#known.has(key.slice(0, colon))) return true
    for (const name of this.#allowed) if (this.#known.has(name) && key.startsWith(`${name}:`)) return true
    return false
  }

  #check(namespace: string): void {
    if (this.#bare !== undefined && namespace !== this.#bare) {
      throw invalid(
        `This store holds the namespace ${JSON.stringify(this.#bare)} without a prefix, and only that; ` +
          `${JSON.stringify(namespace)} would mix with it. What to do: give Keyv namespace: ` +
          `${JSON.stringify(this.#bare)}, or use another name for the other store (Keyv 5 calls its namespace "keyv" ` +
          'where none is given).',
      )
    }
    if (namespace.includes(':') && !this.#allowed.has(namespace)) {
      throw invalid(
        `The namespace ${JSON.stringify(namespace)} contains a colon. Keys stand as namespace:key, so clearing ` +
          `${JSON.stringify(namespace.slice(0, namespace.indexOf(':')))} would clear it too. What to do: choose ` +
          'another separator, or list it in allowColonIn if no other namespace of the file is its beginning.',
      )
    }
  }
}
