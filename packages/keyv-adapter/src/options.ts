import { FlatlogError, type StoreOptions } from '@flatlog/core'
import type { NamespaceOptions } from './namespaces.js'
import type { Protocol } from './protocol.js'

export interface KeyvFlatlogOptions extends StoreOptions {
  /**
   * The namespace of this store, until Keyv gives it one. Keyv 5 always does (its own default is `keyv`), Keyv 6 only
   * where it has one itself.
   */
  namespace?: string
  /**
   * The one namespace whose keys stand in the log without a prefix. Such a file holds that namespace alone: any other
   * is refused, and `clear()` clears the file.
   */
  bareNamespace?: string
  /**
   * Namespaces that may contain a colon. Each one is named, since clearing a namespace `a` also clears what begins
   * with `a:`, such as the namespace `a:b`.
   */
  allowColonIn?: string[]
  /**
   * The major version of the Keyv that uses the store, for callers between the two that hide it.
   * @default found out by what Keyv reads from the store
   */
  protocol?: Protocol
}

export interface ReadOptions {
  readonly store: StoreOptions & { readonly name: string }
  readonly namespaces: NamespaceOptions
  readonly protocol: Protocol | undefined
}

const DEFAULT_NAME = 'keyv'

/** A string is the directory. */
export function readOptions(given: KeyvFlatlogOptions | string | undefined): ReadOptions {
  const options = typeof given === 'string' ? { dir: given } : (given ?? {})
  if (typeof options !== 'object') {
    throw new FlatlogError('FLATLOG_INVALID_OPTION', 'KeyvFlatlog takes a directory or an object with options.')
  }
  const { namespace, bareNamespace, allowColonIn, protocol, ...store } = options
  return {
    store: { ...store, name: store.name ?? DEFAULT_NAME },
    namespaces: { namespace, bareNamespace, allowColonIn },
    protocol,
  }
}
