import { Keyv } from 'keyv'
import { KeyvFlatlog } from './keyv-flatlog.js'
import type { KeyvFlatlogOptions } from './options.js'

/** Creates a Keyv with a Flatlog store, using the installed major version of Keyv. */
export function createKeyvFlatlog(options?: KeyvFlatlogOptions | string): Keyv {
  const store = new KeyvFlatlog(options)
  // Without an explicit namespace, Keyv 5 would replace the store's namespace with its own default.
  return store.namespace === undefined ? new Keyv({ store }) : new Keyv({ store, namespace: store.namespace })
}
