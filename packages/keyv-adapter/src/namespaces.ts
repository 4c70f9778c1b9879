import { FlatlogError } from '@flatlog/core'
import type { Protocol } from './protocol.js'

export interface NamespaceOptions {
  readonly namespace?: string | undefined
  readonly bareNamespace?: string | undefined
  readonly allowColonIn?: readonly string[] | undefined
}

function invalidOption(message: string): FlatlogError {
  return new FlatlogError('FLATLOG_INVALID_OPTION', message)
}

/**
 * Translates between the keys that Keyv passes and the keys in the log.
 *
 * The log has `namespace:key` for both versions of Keyv: Keyv 5 passes keys with the prefix, Keyv 6 without. A store
 * without a namespace is a view of the whole log. Its keys are stored as given, and its key `a:b` is the key `b` of
 * namespace `a`.
 */
export class Namespaces {
  readonly #bare: string | undefined
  readonly #allowedColons: ReadonlySet<string>
  /** Every namespace that this store was ever given: several Keyv 5 instances may share one store object. */
  readonly #known = new Set<string>()
  #current: string | undefined

  constructor(options: NamespaceOptions) {
    const allowed = options.allowColonIn ?? []
    if (!Array.isArray(allowed)) {
      throw invalidOption(`allowColonIn must be an array of namespaces, got ${typeof allowed}.`)
    }
    this.#allowedColons = new Set(allowed)
    this.#bare = options.bareNamespace
    if (this.#bare === '') throw invalidOption('bareNamespace is an empty string. Name the namespace, or leave it out.')
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

  /** The common prefix of the namespace's keys in the log. An empty prefix means the whole log. */
  prefix(namespace = this.#current): string {
    return !namespace || namespace === this.#bare ? '' : `${namespace}:`
  }

  /** Converts a key from Keyv to the key in the log. */
  toStored(key: string, protocol: Protocol): string {
    if (protocol === 6) return this.prefix() + key
    const namespace = this.#current
    if (!namespace) return key
    if (namespace === this.#bare) return key.startsWith(`${namespace}:`) ? key.slice(namespace.length + 1) : key
    // Keyv 5 with `useKeyPrefix: false` passes keys without a prefix and leaves it to the store to add one.
    return this.#hasKnownPrefix(key) ? key : `${namespace}:${key}`
  }

  /** Converts a stored key to the key that an iterator returns to Keyv. */
  toCaller(storedKey: string, protocol: Protocol, namespace = this.#current): string {
    if (protocol === 6) return storedKey.slice(this.prefix(namespace).length)
    // Keyv 5 removes everything up to the first colon, even without a namespace.
    if (!namespace) return `:${storedKey}`
    return namespace === this.#bare ? `${namespace}:${storedKey}` : storedKey
  }

  /** Converts a key that another store has as `namespace:key` to the key in the log. */
  fromPrefixed(key: string): string {
    if (this.#bare === undefined) return key
    if (key.startsWith(`${this.#bare}:`)) return key.slice(this.#bare.length + 1)
    throw invalidOption(
      `The key ${JSON.stringify(key.slice(0, 100))} is not in the namespace ${JSON.stringify(this.#bare)}, the only one ` +
        'that this store holds. Import into a store without bareNamespace, or pass two Keyv instances to copy only ' +
        'one namespace.',
    )
  }

  /** Converts a stored key to the form `namespace:key`, which other stores use. */
  toPrefixed(storedKey: string): string {
    return this.#bare === undefined ? storedKey : `${this.#bare}:${storedKey}`
  }

  #hasKnownPrefix(key: string): boolean {
    const colon = key.indexOf(':')
    if (colon === -1) return false
    if (this.#known.has(key.slice(0, colon))) return true
    for (const name of this.#allowedColons) if (this.#known.has(name) && key.startsWith(`${name}:`)) return true
    return false
  }

  #check(namespace: string): void {
    if (this.#bare !== undefined && namespace !== this.#bare) {
      throw invalidOption(
        `This store holds only the namespace ${JSON.stringify(this.#bare)}, without a prefix, so it cannot hold ` +
          `${JSON.stringify(namespace)} as well. Create the Keyv with namespace: ${JSON.stringify(this.#bare)}, or give ` +
          'the other namespace a store with another name. (Keyv 5 uses the namespace "keyv" by default.)',
      )
    }
    if (namespace.includes(':') && !this.#allowedColons.has(namespace)) {
      throw invalidOption(
        `The namespace ${JSON.stringify(namespace)} contains a colon. Keys are stored as namespace:key, so clearing the ` +
          `namespace ${JSON.stringify(namespace.slice(0, namespace.indexOf(':')))} would clear this one too. Use another ` +
          'separator, or list the namespace in allowColonIn if no other namespace in the log is a prefix of it.',
      )
    }
  }
}
