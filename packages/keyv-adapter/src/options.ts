import { FlatlogError, type StoreOptions } from '@flatlog/core'
import type { NamespaceOptions } from './namespaces.js'
import type { Protocol } from './protocol.js'

export interface KeyvFlatlogOptions extends StoreOptions {
  /**
   * The namespace of this store until Keyv sets one. Keyv 5 always sets one (`keyv` by default), Keyv 6 only if it was
   * created with a namespace.
   */
  namespace?: string
  /**
   * The one namespace whose keys are stored without a prefix. The log then holds only this namespace: any other is
   * refused, and `clear()` clears the whole log.
   */
  bareNamespace?: string
  /**
   * Namespaces that may contain a colon. They must be listed, because clearing a namespace `a` also clears every key
   * that begins with `a:`, which includes the namespace `a:b`.
   */
  allowColonIn?: string[]
  /**
   * The major version of the Keyv that uses the store. Set it if code between Keyv and the store hides Keyv.
   * @default detected by the properties that Keyv reads
   */
  protocol?: Protocol
}

export interface ParsedOptions {
  readonly store: StoreOptions & { readonly name: string }
  readonly namespaces: NamespaceOptions
  readonly protocol: Protocol | undefined
}

const DEFAULT_NAME = 'keyv'

/** Separates the adapter's own options from those of the core. A string is the directory. */
export function parseOptions(given: KeyvFlatlogOptions | string | undefined): ParsedOptions {
  const options = typeof given === 'string' ? { dir: given } : (given ?? {})
  if (typeof options !== 'object') {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `KeyvFlatlog takes a directory or an object with options, got ${typeof options}.`,
    )
  }
  const { namespace, bareNamespace, allowColonIn, protocol, ...store } = options
  return {
    store: { ...store, name: store.name ?? DEFAULT_NAME },
    namespaces: { namespace, bareNamespace, allowColonIn },
    protocol,
  }
}
